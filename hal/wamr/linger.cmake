# Linger for a CMake project of your own: include this file, then
#
#   add_executable(firmware my-port.c my-application.c)
#   linger_add_hal(firmware ENGINE fast POOL 204800)
#   linger_add_hal(firmware ENGINE wasm2c MODULE my-module.wasm)
#
# adds the loop and an engine to a target that has a port (`include/linger-port.h`).
# `linger_add_board` adds one of the ports in boards/, with start-up code and linker script.
#
#   WAMR_ROOT_DIR      a tree of WAMR; without it WAMR 2.4.3 is fetched into the build folder
#   WAMR_BUILD_TARGET  THUMBV7, X86_64, …: WAMR's name of the processor
cmake_minimum_required(VERSION 3.20)

set(LINGER_FOLDER ${CMAKE_CURRENT_LIST_DIR})
set(LINGER_WARNINGS -Wall -Wextra -Wpedantic -Werror)
include(${LINGER_FOLDER}/cmake/fetch-wamr.cmake)
include(${LINGER_FOLDER}/cmake/wasm2c.cmake)

# The library of an interpreter, made once: linger-wamr-fast, linger-wamr-classic-128-metered, …
function(linger_add_wamr interpreter metering library)
  set(name linger-wamr-${interpreter})
  if(LINGER_BLOCK_CACHE)
    string(APPEND name -${LINGER_BLOCK_CACHE})
  endif()
  if(metering)
    string(APPEND name -metered)
  endif()
  set(${library} ${name} PARENT_SCOPE)
  if(TARGET ${name})
    return()
  endif()
  if(NOT WAMR_ROOT_DIR)
    set(WAMR_ROOT_DIR ${CMAKE_BINARY_DIR}/wamr)
    linger_fetch_wamr(${WAMR_ROOT_DIR})
  endif()
  set(LINGER_WAMR_TARGET ${name})
  set(LINGER_INTERPRETER ${interpreter})
  set(LINGER_METERING ${metering})
  add_subdirectory(${LINGER_FOLDER}/platform ${CMAKE_BINARY_DIR}/${name})
endfunction()

# Our own files: C11 without warnings, as small as possible.
function(linger_add_sources target)
  target_sources(${target} PRIVATE ${ARGN})
  set_property(SOURCE ${ARGN} APPEND PROPERTY
    COMPILE_OPTIONS -std=c11 -Os -ffunction-sections -fdata-sections ${LINGER_WARNINGS})
endfunction()

# ENGINE fast | classic | wasm2c, and for
#   fast, classic: POOL octets for WAMR, linear memory included; WASM_STACK octets (4096);
#     WATCHDOG instructions that a call may take at most (none)
#   classic on a Cortex-M: BLOCK_CACHE sets of ends of blocks, 24 octets of RAM each, a power of two
#     (16): README.md says what they are worth
#   wasm2c: MODULE file; OPTIMIZE flags for the module's code (-Os)
# RECORDING turns: every input is recorded, with a hash of the state after so many turns of the loop;
#   the port has `include/linger-record.h`.
# SNAPSHOTS: the stack can be put away in flash; the port has `include/linger-store.h`.
function(linger_add_hal target)
  cmake_parse_arguments(HAL "SNAPSHOTS" "ENGINE;POOL;WASM_STACK;WATCHDOG;BLOCK_CACHE;MODULE;OPTIMIZE;RECORDING" "" ${ARGN})
  set(source ${LINGER_FOLDER}/src)
  linger_add_sources(${target} ${source}/hal.c ${source}/natives.c ${source}/report.c)
  if(HAL_SNAPSHOTS)
    linger_add_sources(${target} ${source}/snapshot.c ${source}/store.c)
  endif()
  if(HAL_RECORDING)
    linger_add_sources(${target} ${source}/record.c)
    # It stands in every call, where loads that come early only take up registers.
    set_property(SOURCE ${source}/record.c APPEND PROPERTY COMPILE_OPTIONS -O2 -fno-schedule-insns)
    target_compile_definitions(${target} PRIVATE LINGER_RECORDING
      LINGER_RECORD_HASH_TURNS=${HAL_RECORDING})
  endif()
  target_include_directories(${target} PRIVATE ${LINGER_FOLDER}/include)
  target_compile_definitions(${target} PRIVATE LINGER_ENGINE="${HAL_ENGINE}")
  if(HAL_ENGINE STREQUAL wasm2c)
    linger_add_sources(${target} ${source}/engine-wasm2c.c)
    target_compile_definitions(${target} PRIVATE LINGER_ENGINE_WASM2C)
    linger_add_module_as_c(${target} ${HAL_MODULE} "${HAL_OPTIMIZE}")
    return()
  endif()
  if(NOT HAL_ENGINE MATCHES "^(fast|classic)$" OR NOT HAL_POOL)
    message(FATAL_ERROR "linger_add_hal: ENGINE fast, classic or wasm2c; POOL for the first two")
  endif()
  linger_add_sources(${target} ${source}/engine-wamr.c ${source}/pool.c ${source}/sha256.c)
  string(TOUPPER ${HAL_ENGINE} engine)
  target_compile_definitions(${target} PRIVATE LINGER_ENGINE_${engine} LINGER_POOL_OCTETS=${HAL_POOL})
  if(HAL_WASM_STACK)
    target_compile_definitions(${target} PRIVATE LINGER_WASM_STACK_OCTETS=${HAL_WASM_STACK})
  endif()
  set(metering OFF)
  if(HAL_WATCHDOG)
    set(metering ON)
    target_compile_definitions(${target} PRIVATE LINGER_WATCHDOG_INSTRUCTIONS=${HAL_WATCHDOG})
  endif()
  set(LINGER_BLOCK_CACHE ${HAL_BLOCK_CACHE})
  linger_add_wamr(${HAL_ENGINE} ${metering} library)
  target_link_libraries(${target} PRIVATE ${library} m)
endfunction()

# A board with a Cortex-M out of boards/: mps2-an385 or lm3s6965evb. STACK: octets for calls (4096).
function(linger_add_board target board)
  cmake_parse_arguments(BOARD "" "STACK" "" ${ARGN})
  if(NOT BOARD_STACK)
    set(BOARD_STACK 4096)
  endif()
  set(boards ${LINGER_FOLDER}/boards)
  file(GLOB sources ${boards}/${board}/*.c ${boards}/cortex-m/*.c ${boards}/common/*.c)
  linger_add_sources(${target} ${sources} ${LINGER_FOLDER}/platform/memmove.c)
  target_sources(${target} PRIVATE ${LINGER_FOLDER}/platform/memcpy.S)
  # Or the compiler would recognise memmove in memmove, and call it.
  set_property(SOURCE ${LINGER_FOLDER}/platform/memmove.c APPEND PROPERTY
    COMPILE_OPTIONS -O2 -fno-tree-loop-distribute-patterns)
  target_compile_definitions(${target} PRIVATE LINGER_BOARD="${board}")
  set_target_properties(${target} PROPERTIES SUFFIX .elf)
  target_link_options(${target} PRIVATE -nostartfiles --specs=nano.specs
    -Wl,--gc-sections -Wl,-z,noexecstack -Wl,--fatal-warnings -Wl,-Map=$<TARGET_FILE:${target}>.map
    -Wl,--defsym=LINGER_STACK_OCTETS=${BOARD_STACK}
    -L${boards}/cortex-m -T${boards}/${board}/${board}.ld)
endfunction()
