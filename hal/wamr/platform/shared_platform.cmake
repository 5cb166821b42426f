# WAMR's hook for a platform: SHARED_PLATFORM_CONFIG names this file.
add_definitions(-DBH_PLATFORM_LINGER)
include_directories(${CMAKE_CURRENT_LIST_DIR} ${SHARED_DIR}/platform/include)
include_directories(${CMAKE_CURRENT_LIST_DIR}/../include)
set(PLATFORM_SHARED_SOURCE ${CMAKE_CURRENT_LIST_DIR}/platform.c)
