# Gets the sources of WAMR 2.4.3, out of the Rust crate that bundles them, pinned by its checksum.
#
#   include(fetch-wamr.cmake)
#   linger_fetch_wamr(FOLDER)     puts them into FOLDER, unless they are there: FOLDER/core, …
#
# or as a command: cmake -D DESTINATION=FOLDER -P fetch-wamr.cmake
#
# Only cargo is needed, and only once. cargo verifies what it downloads against the crate's
# checksum, and here that is compared with the one that was reviewed. WAMR's own build writes into
# its source folder, so this is a copy. Whoever has a tree of WAMR sets WAMR_ROOT_DIR instead.

set(LINGER_WAMR_CRATE wamrx-sys)
set(LINGER_WAMR_CRATE_VERSION 0.3.0)
set(LINGER_WAMR_CHECKSUM ab9efc67ebd6c574684794e3a25933c58d2ad3f1b1078830f8c779974132e0d1)

# The crate's build script needs these two, we do not: empty ones take their place.
set(LINGER_WAMR_UNUSED_CRATES bindgen@0.72.0 cmake@0.1.0)

function(linger_write_crate folder name version rest)
  set(package "name = \"${name}\"\nversion = \"${version}\"\nedition = \"2021\"\npublish = false")
  file(WRITE ${folder}/Cargo.toml "[package]\n${package}\n[lib]\npath = \"lib.rs\"\n${rest}")
  file(WRITE ${folder}/lib.rs "")
endfunction()

# A crate that depends on the one we want; `cargo vendor` then copies that one.
function(linger_write_cargo_project folder)
  set(rest "[dependencies]\n${LINGER_WAMR_CRATE} = \"=${LINGER_WAMR_CRATE_VERSION}\"\n[workspace]\n")
  string(APPEND rest "[patch.crates-io]\n")
  foreach(crate IN LISTS LINGER_WAMR_UNUSED_CRATES)
    string(REPLACE "@" ";" parts ${crate})
    list(GET parts 0 name)
    list(GET parts 1 version)
    linger_write_crate(${folder}/${name} ${name} ${version} "")
    string(APPEND rest "${name} = { path = \"${name}\" }\n")
  endforeach()
  linger_write_crate(${folder} linger-wamr 0.0.0 "${rest}")
endfunction()

function(linger_fetch_wamr destination)
  set(stamp ${destination}/.linger-checksum)
  if(EXISTS ${stamp})
    file(READ ${stamp} have)
    if(have STREQUAL LINGER_WAMR_CHECKSUM)
      return()
    endif()
  endif()
  find_program(LINGER_CARGO cargo)
  if(NOT LINGER_CARGO)
    message(FATAL_ERROR "WAMR's sources are fetched by cargo, which is not installed. "
      "Install it (apt-get install cargo), or set WAMR_ROOT_DIR to a tree of WAMR 2.4.")
  endif()
  set(project ${destination}.fetch)
  file(REMOVE_RECURSE ${project} ${destination})
  linger_write_cargo_project(${project})
  execute_process(
    COMMAND ${LINGER_CARGO} vendor --quiet vendor
    WORKING_DIRECTORY ${project} RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE said)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "cargo cannot fetch ${LINGER_WAMR_CRATE}: ${said}")
  endif()
  set(crate ${project}/vendor/${LINGER_WAMR_CRATE})
  file(READ ${crate}/.cargo-checksum.json checksums)
  string(JSON checksum GET "${checksums}" package)
  if(NOT checksum STREQUAL LINGER_WAMR_CHECKSUM)
    message(FATAL_ERROR "${LINGER_WAMR_CRATE} has the checksum ${checksum}, "
      "not ${LINGER_WAMR_CHECKSUM}: do not use it")
  endif()
  file(RENAME ${crate}/wasm-micro-runtime ${destination})
  file(REMOVE_RECURSE ${project})
  file(WRITE ${stamp} ${LINGER_WAMR_CHECKSUM})
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  if(NOT DESTINATION)
    message(FATAL_ERROR "usage: cmake -D DESTINATION=FOLDER -P fetch-wamr.cmake")
  endif()
  get_filename_component(DESTINATION ${DESTINATION} ABSOLUTE)
  linger_fetch_wamr(${DESTINATION})
endif()
