# Everything comes from Debian 12 (docs/dependencies.md says what each is for).

# A program that has Cairn as a subdirectory links these through our libraries, from a directory
# above this one.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(leveldb REQUIRED)
get_target_property(cairn_leveldb_kind leveldb::leveldb TYPE)
if(cairn_leveldb_kind STREQUAL "SHARED_LIBRARY")
  # Its CMake file repeats what the shared library brings along by itself, and -lsnappy would ask
  # for one more development package.
  set_target_properties(leveldb::leveldb PROPERTIES INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
find_package(CapnProto REQUIRED)
if(CAIRN_TOOLS)
  # Its package is for Meson and pkg-config users; the headers are all that is needed.
  find_path(CAIRN_TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
  mark_as_advanced(CAIRN_TOMLPLUSPLUS_INCLUDE_DIR)
endif()
if(CAIRN_TESTS)
  find_package(GTest REQUIRED)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()
if(CAIRN_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
