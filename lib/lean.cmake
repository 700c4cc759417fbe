# Lean programs: nine tenths of what a plain CGI request costs is the loading of two dozen shared
# libraries, most of which serve features that no request uses. Where there are archives of those that
# are used, they are linked in, and absent.c stands in for the rest.
#
#   LEAN=AUTO  lean where the archives are there and can be linked
#   LEAN=ON    lean, or an error that says what is missing
#   LEAN=OFF   shared libraries alone
#
# Makes the target lean_libraries, and sets LEAN_FOUND. cJSON and libjwt, of which Debian has no
# archives, stay shared.
set(LEAN AUTO CACHE STRING "Link libpq, libcurl, OpenSSL and libfcgi statically: AUTO, ON, OFF")
set_property(CACHE LEAN PROPERTY STRINGS AUTO ON OFF)

set(LEAN_FOUND OFF)
add_library(lean_libraries INTERFACE)
if(SANITIZE OR NOT LEAN)
  return()
endif()

# pgcommon and pgport are the server's development files, of libpq's own release.
string(REGEX MATCH "^[0-9]+" libpq_major "${LIBPQ_VERSION}")
set(lean_archives)
set(lean_missing)
foreach(name curl pq pgcommon_shlib pgport_shlib ssl crypto fcgi z)
  find_library(LEAN_${name} lib${name}.a
    HINTS ${LIBPQ_LIBRARY_DIRS} /usr/lib/postgresql/${libpq_major}/lib)
  mark_as_advanced(LEAN_${name})
  if(LEAN_${name})
    list(APPEND lean_archives ${LEAN_${name}})
  else()
    list(APPEND lean_missing lib${name}.a)
  endif()
endforeach()

set(lean_link ${lean_archives} ${LEAN_crypto} Threads::Threads ${CMAKE_DL_LIBS})
# Nobody else is to meet what is inside, libjwt with its own OpenSSL least.
set(lean_options LINKER:--exclude-libs,ALL LINKER:--gc-sections)
if(NOT lean_missing)
  # Also that absent.c has all that these archives name.
  try_compile(LEAN_LINKS
    SOURCE_FROM_CONTENT lean.c "
      #include <stddef.h>
      void PQconnectStart(void); void curl_easy_perform(void); void SSL_new(void); void FCGX_Init(void);
      void (*volatile used[])(void) = {PQconnectStart, curl_easy_perform, SSL_new, FCGX_Init};
      int main(void) { return used[0] == NULL; }"
    SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/absent.c
    COMPILE_DEFINITIONS -fno-builtin
    LINK_OPTIONS ${lean_options}
    LINK_LIBRARIES ${lean_link}
    OUTPUT_VARIABLE lean_output)
endif()
if(LEAN_LINKS)
  set(LEAN_FOUND ON)
elseif(NOT LEAN STREQUAL AUTO)
  if(lean_missing)
    list(JOIN lean_missing ", " lean_missing)
    message(FATAL_ERROR "LEAN=${LEAN}, but there is no ${lean_missing}")
  endif()
  message(FATAL_ERROR "LEAN=${LEAN}, but the archives cannot be linked:\n${lean_output}")
endif()
if(NOT LEAN_FOUND)
  return()
endif()

# absent.c knows better than the archives' headers what it leaves out.
add_library(absent STATIC absent.c)
target_link_libraries(absent PRIVATE build_flags)
target_link_libraries(lean_libraries INTERFACE ${lean_archives} absent ${LEAN_crypto} ${LEAN_z}
  PkgConfig::CJSON Threads::Threads ${CMAKE_DL_LIBS})
target_link_options(lean_libraries INTERFACE ${lean_options})

# What was linked in, as the Debian packages whose updates no longer reach the programs:
# "libssl3=3.0.19-1 ...", of the shared libraries that stand beside the archives.
set(LEAN_PACKAGES)
find_program(DPKG_QUERY dpkg-query)
foreach(name curl pq ssl fcgi z)
  get_filename_component(directory ${LEAN_${name}} DIRECTORY)
  if(DPKG_QUERY AND EXISTS ${directory}/lib${name}.so)
    file(REAL_PATH ${directory}/lib${name}.so file)
    # A package of before /lib became a link to /usr/lib has the file there.
    string(REGEX REPLACE "^/usr" "" former ${file})
    execute_process(COMMAND ${DPKG_QUERY} --search ${file} ${former} OUTPUT_VARIABLE owner
      ERROR_QUIET)
    string(REGEX REPLACE ":.*" "" owner "${owner}")
    execute_process(COMMAND ${DPKG_QUERY} -W -f "\${Version}" "${owner}"
      OUTPUT_VARIABLE version ERROR_QUIET)
    if(owner AND version)
      list(APPEND LEAN_PACKAGES ${owner}=${version})
    endif()
  endif()
endforeach()
