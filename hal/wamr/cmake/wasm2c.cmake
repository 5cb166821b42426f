# From a Linger module to C that needs no runtime: wabt's `wasm2c`, with our operations in the place
# of those that it brings along.
#
# As a command, which the function below has the build run:
#   cmake -D WASM=x.wasm -D OUTPUT=FOLDER -P wasm2c.cmake
# makes FOLDER/linger-module.c and .h, with the names `Z_lingerZ_…`, and linger-module-facts.h: the
# size of linear memory and of the guard behind it, the module's SHA-256, and whether there is an
# application. Compile it with hal/wamr/wasm2c in the path of include files; who links it has
# `linger_memory_octets` and `wasm_rt_trap`. No Linger module has a table of functions; TABLES lets
# one through that has, for whoever brings the operations.

set(LINGER_WASM2C_FOLDER ${CMAKE_CURRENT_LIST_DIR}/../wasm2c)
set(LINGER_WASM2C_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
# Where the generated code's own part begins, and what it must have.
set(LINGER_WASM2C_BEGINNING "static bool s_module_initialized")
set(LINGER_WASM2C_HEAP_BASE "instance->w2c___heap_base = ([0-9]+)u;")
set(LINGER_WASM2C_PAGES "wasm_rt_allocate_memory\\(&instance->w2c_memory, ([0-9]+),")
# Larger than the largest record of a Linger module, a TCB (wasm2c/operations.h).
set(LINGER_GUARD_OCTETS_MAX 384)

# Adds the module to a target as C, compiled with `optimize`. If that is empty, with -Os, which on a
# Cortex-M3 takes fewer instructions than -O2, and less flash; gcc without moving expressions out of
# branches and loops, where they only take up registers: about 1 % fewer. TABLES behind that: the
# module may have a table of functions.
function(linger_add_module_as_c target wasm optimize)
  find_program(LINGER_WASM2C wasm2c)
  if(NOT LINGER_WASM2C)
    message(FATAL_ERROR "wasm2c is not installed (apt-get install wabt)")
  endif()
  get_filename_component(wasm ${wasm} ABSOLUTE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}-module)
  add_custom_command(
    OUTPUT ${folder}/linger-module.c ${folder}/linger-module.h ${folder}/linger-module-facts.h
    COMMAND ${CMAKE_COMMAND} -D WASM=${wasm} -D OUTPUT=${folder} "-D TABLES=${ARGN}"
      -P ${LINGER_WASM2C_SCRIPT}
    DEPENDS ${wasm} ${LINGER_WASM2C_SCRIPT} VERBATIM)
  target_sources(${target} PRIVATE ${folder}/linger-module.c)
  target_include_directories(${target} PRIVATE ${folder} ${LINGER_WASM2C_FOLDER})
  # Generated code has variables that it does not use.
  if(NOT optimize)
    set(optimize -Os)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
      list(APPEND optimize -fno-code-hoisting -fno-tree-loop-im)
    endif()
  endif()
  set_source_files_properties(${folder}/linger-module.c PROPERTIES
    COMPILE_OPTIONS "-w;${optimize};-ffunction-sections")
endfunction()

function(linger_translate_module wasm folder)
  file(MAKE_DIRECTORY ${folder})
  set(code ${folder}/linger-module.c)
  execute_process(
    COMMAND wasm2c ${wasm} -n linger -o ${code} RESULT_VARIABLE status ERROR_VARIABLE said)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "wasm2c refuses ${wasm}: ${status} ${said}")
  endif()
  file(READ ${code} text)
  string(FIND "${text}" "${LINGER_WASM2C_BEGINNING}" beginning)
  if(beginning LESS 0)
    message(FATAL_ERROR "this wasm2c writes code of another form: 1.0.30 to 1.0.32 are known")
  endif()
  string(SUBSTRING "${text}" ${beginning} -1 text)
  if((NOT TABLES AND text MATCHES "CALL_INDIRECT|funcref_table")
      OR text MATCHES "[^a-zA-Z0-9_]f(32|64)[^0-9]")
    message(FATAL_ERROR "${wasm} uses a table of functions or floating point, "
      "which are not supported ahead of time")
  endif()
  if(NOT text MATCHES "${LINGER_WASM2C_HEAP_BASE}")
    message(FATAL_ERROR "${wasm} is no Linger module: it exports no __heap_base")
  endif()
  set(octets ${CMAKE_MATCH_1})
  set(facts "#define LINGER_MEMORY_OCTETS ${octets}u\n")
  set(guard 0)
  if(text MATCHES "${LINGER_WASM2C_PAGES}")
    math(EXPR guard "65536 * ${CMAKE_MATCH_1} - ${octets}")
  endif()
  if(guard LESS 0)
    message(FATAL_ERROR "${wasm} is no Linger module: its memory ends before its __heap_base")
  endif()
  if(guard GREATER LINGER_GUARD_OCTETS_MAX)
    set(guard ${LINGER_GUARD_OCTETS_MAX})
  endif()
  string(APPEND facts "#define LINGER_GUARD_OCTETS ${guard}u\n")
  file(SHA256 ${wasm} digest)
  string(REGEX REPLACE "(..)" "0x\\1, " digest ${digest})
  string(APPEND facts "#define LINGER_MODULE_SHA256 { ${digest}}\n")
  # What code puts into a global comes from a variable.
  if(text MATCHES "instance->w2c_[a-zA-Z0-9_]+ = [a-z]")
    string(APPEND facts "#define LINGER_HAS_GLOBALS\n")
  endif()
  if(text MATCHES "Z_lingerZ_appInit" AND text MATCHES "Z_lingerZ_appPoll")
    string(APPEND facts "#define LINGER_HAS_APPLICATION\n")
  endif()
  file(WRITE ${folder}/linger-module-facts.h "${facts}")
  set(head "")
  foreach(name linger-module linger-module-facts operations)
    string(APPEND head "#include \"${name}.h\"\n")
  endforeach()
  file(WRITE ${code} "${head}\n${text}")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  if(NOT WASM OR NOT OUTPUT)
    message(FATAL_ERROR "usage: cmake -D WASM=FILE -D OUTPUT=FOLDER -P wasm2c.cmake")
  endif()
  linger_translate_module(${WASM} ${OUTPUT})
endif()
