# One folder, one target. holdfast_library(shared_base SOURCES a.cc DEPS other PUBLIC_LIBS x) makes the target of the
# calling folder; DEPS are the project's own targets, LIBS are outside libraries that only this folder's code sees.
option(HOLDFAST_TESTS "build the tests" ON)
option(HOLDFAST_COVERAGE "instrument for gcov" OFF)
set(HOLDFAST_SANITIZE "" CACHE STRING "address or thread")

add_library(holdfast_options INTERFACE)
target_include_directories(holdfast_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(holdfast_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Werror)
# At -O2 GCC 12 takes inlined std::string and std::expected for uninitialised or overlapping memory (its bugs 105651 and
# 105562 among others). The same code is looked at by these warnings at -O1, by clang-tidy and under the sanitizers.
target_compile_options(holdfast_options INTERFACE
  $<$<CONFIG:RelWithDebInfo>:-Wno-maybe-uninitialized;-Wno-restrict;-Wno-stringop-overflow>)
# TRY is a GNU statement expression; it is marked with __extension__, so -Wpedantic stays on for everything else.
if(HOLDFAST_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(HOLDFAST_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(HOLDFAST_SANITIZE)
  message(FATAL_ERROR "HOLDFAST_SANITIZE is \"${HOLDFAST_SANITIZE}\": address or thread")
endif()
if(HOLDFAST_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()

function(holdfast_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC holdfast_options ${ARG_DEPS} ${ARG_LIBS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE holdfast_options ${ARG_DEPS} ${ARG_LIBS})
  endif()
endfunction()

function(holdfast_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE holdfast_options ${ARG_DEPS} ${ARG_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# A program of GoogleTest cases, each of them known to ctest by its own name. LABELS sorts it (unit, scenario,
# simulation, lint); TIMEOUT is seconds for one case. SERIAL: of these, one at a time, beside everything else; they
# mostly wait, so they begin first.
include(GoogleTest)
function(holdfast_test name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "SOURCES;DEPS;LIBS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE holdfast_options ${ARG_DEPS} ${ARG_LIBS} GTest::gmock GTest::gtest
                                        GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  set(properties LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  if(ARG_SERIAL)
    list(APPEND properties RESOURCE_LOCK serial COST 100)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()
