# What every target of the project shares: options, language level, warnings, and the functions that
# make a library of a folder and a test of a file.

include(GNUInstallDirs)

option(CAIRN_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(CAIRN_TOOLS "Build kvd, kvctl and kvbench" ${PROJECT_IS_TOP_LEVEL})
option(CAIRN_INSTALL "Make the install target" ${PROJECT_IS_TOP_LEVEL})
option(CAIRN_BENCHMARKS "Build the benchmarks" OFF)
option(CAIRN_FUZZ "Build the libFuzzer programs (clang)" OFF)
option(CAIRN_WERROR "Treat warnings as errors" OFF)
set(CAIRN_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (address,undefined or thread)")

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
  # Checks of our own do not depend on NDEBUG. -O3 costs build time and has shown no gain.
  string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()

# Optimisation across files, and by a profile (gcc): tools/pgo makes the profile and then uses it.
option(CAIRN_LTO "Optimise across files when linking" OFF)
set(CAIRN_PROFILE "" CACHE STRING "make: programs that write a profile; use: optimise by it")
set(CAIRN_PROFILE_DIR ${PROJECT_BINARY_DIR}/profile CACHE PATH "Where the profile lies")
if(CAIRN_LTO)
  add_compile_options(-flto=auto)
  add_link_options(-flto=auto)
endif()
if(CAIRN_PROFILE STREQUAL "make")
  add_compile_options(-fprofile-generate=${CAIRN_PROFILE_DIR} -fprofile-update=prefer-atomic)
  add_link_options(-fprofile-generate=${CAIRN_PROFILE_DIR})
elseif(CAIRN_PROFILE STREQUAL "use")
  # Partial: what the training did not run is optimised as if there were no profile.
  add_compile_options(-fprofile-use=${CAIRN_PROFILE_DIR} -fprofile-partial-training
                      -Wno-missing-profile -Wno-coverage-mismatch)
  add_link_options(-fprofile-use=${CAIRN_PROFILE_DIR})
endif()

if(CAIRN_SANITIZE)
  add_compile_options(-fsanitize=${CAIRN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CAIRN_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CAIRN_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=function)  # wants RTTI of libraries that are built without
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # gcc 12 sees ghosts in instrumented variants
  endif()
  if(CAIRN_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)  # Asio's fences: no false report was seen from them
  endif()
endif()

if(CAIRN_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "CAIRN_FUZZ needs clang: use the preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Language level and warnings of a target of ours; dependencies' headers are system headers.
function(cairn_compile_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  # {.data_dir = "d"} leaves the other fields at their defaults on purpose.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow
                                           -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE -Wthread-safety)
  endif()
  if(CAIRN_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# cairn_library(name sources...): the static library cairn_<name>, known as cairn::<name>. What lies
# in the folder's include/ is public: installed, and compiled alone by the target
# all_verify_interface_header_sets.
function(cairn_library name)
  add_library(cairn_${name} STATIC ${ARGN})
  add_library(cairn::${name} ALIAS cairn_${name})
  set_target_properties(cairn_${name} PROPERTIES EXPORT_NAME ${name}
                                                 VERIFY_INTERFACE_HEADER_SETS ${CAIRN_TESTS})
  cairn_compile_settings(cairn_${name})
  target_include_directories(cairn_${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  set(include_dir ${CMAKE_CURRENT_SOURCE_DIR}/include)
  if(IS_DIRECTORY ${include_dir})
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${include_dir}/*.h)
    target_sources(cairn_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${include_dir} FILES ${headers})
  endif()
endfunction()

# cairn_program(name LIBS libraries... SOURCES sources...): a program of tools/.
function(cairn_program name)
  cmake_parse_arguments(P "" "" "LIBS;SOURCES" ${ARGN})
  add_executable(${name} ${P_SOURCES})
  cairn_compile_settings(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE ${P_LIBS})
  if(CAIRN_INSTALL)
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()

# cairn_test(name LIBS libraries... SOURCES sources...): a GoogleTest program whose tests CTest lists.
function(cairn_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "LIBS;SOURCES;LABELS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  cairn_compile_settings(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE ${T_LIBS} GTest::gtest_main GTest::gmock)
  if(NOT T_LABELS)
    set(T_LABELS unit)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  if(CAIRN_SANITIZE)
    math(EXPR T_TIMEOUT "${T_TIMEOUT} * 6")
  endif()
  # One process a test program: starting hundreds of processes costs more than the tests.
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" TIMEOUT ${T_TIMEOUT})
endfunction()
