# `cmake --install` and the package that find_package(cairn CONFIG) finds.
#
# Our libraries are static, so an installed cairn::kv names what it links privately. It does so by
# targets of our own that cairnConfig.cmake makes from plain library files: a consumer then needs
# none of these packages' CMake files, and no C compiler, which Cap'n Proto's asks for.

include(CMakePackageConfigHelpers)

set(cairn_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)

# "$<LINK_ONLY:CapnProto::capnp>" becomes itself in this build and "$<LINK_ONLY:cairn::capnp_files>"
# in the installed package.
function(cairn_rename_installed_dependencies target)
  get_target_property(libraries ${target} INTERFACE_LINK_LIBRARIES)
  if(NOT libraries)
    return()
  endif()
  set(renamed "")
  foreach(library IN LISTS libraries)
    string(REGEX REPLACE "CapnProto::(capnp|kj)" "cairn::\\1_files" installed "${library}")
    string(REPLACE "leveldb::leveldb" "cairn::leveldb_files" installed "${installed}")
    if(installed STREQUAL library)
      list(APPEND renamed "${library}")
    else()
      list(APPEND renamed "$<BUILD_INTERFACE:${library}>" "$<INSTALL_INTERFACE:${installed}>")
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${renamed}")
endfunction()

# The static libraries of ours that `target` brings along, itself included, into the variable `out`.
function(cairn_closure out target)
  get_target_property(real ${target} ALIASED_TARGET)
  if(real)
    set(target ${real})
  endif()
  if(${target} IN_LIST ${out})
    return()
  endif()
  list(APPEND ${out} ${target})
  get_target_property(libraries ${target} INTERFACE_LINK_LIBRARIES)
  if(libraries)
    string(REGEX MATCHALL "cairn::[a-z_]+" ours "${libraries}")
    foreach(library IN LISTS ours)
      cairn_closure(${out} ${library})
    endforeach()
  endif()
  set(${out} ${${out}} PARENT_SCOPE)
endfunction()

set(cairn_installed "")
foreach(name kv http sim)
  if(TARGET cairn_${name})
    cairn_closure(cairn_installed cairn_${name})
  endif()
endforeach()
foreach(library IN LISTS cairn_installed)
  cairn_rename_installed_dependencies(${library})
  get_target_property(header_sets ${library} INTERFACE_HEADER_SETS)
  set(headers "")
  if(header_sets)
    set(headers FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  endif()
  install(TARGETS ${library} EXPORT cairnTargets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} ${headers})
endforeach()

if(TARGET cairn_kv)
  install(EXPORT cairnTargets NAMESPACE cairn:: DESTINATION ${cairn_package_dir})
endif()
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/cairnConfig.cmake.in ${PROJECT_BINARY_DIR}/cairnConfig.cmake
  INSTALL_DESTINATION ${cairn_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cairnConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cairnConfig.cmake ${PROJECT_BINARY_DIR}/cairnConfigVersion.cmake
        DESTINATION ${cairn_package_dir})
