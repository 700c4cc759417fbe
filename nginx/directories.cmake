# Run by cmake --install, first. Given: CMAKE_INSTALL_PREFIX, PROGRAMS_DIR, and the modes that a directory
# shall have, which CMake gives to all but those that it makes on its way to them. What is there already
# is left as it is.
foreach(directory ${PROGRAMS_DIR} lib/systemd/system lib/sysusers.d lib/tmpfiles.d share/doc/twilio-cgi/examples
    share/man/man8 share/twilio-cgi)
  cmake_path(ABSOLUTE_PATH directory BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX})
  set(place $ENV{DESTDIR}${directory})
  set(made)
  while(NOT EXISTS ${place})
    list(APPEND made ${place})
    cmake_path(GET place PARENT_PATH place)
  endwhile()
  if(made)
    file(MAKE_DIRECTORY $ENV{DESTDIR}${directory})
    file(CHMOD ${made} PERMISSIONS ${CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})
  endif()
endforeach()
