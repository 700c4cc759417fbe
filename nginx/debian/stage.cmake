# Run by CPack before it builds the package: what Debian alone asks for.
# CPack would go on without it, and leave out what the programs depend on.
find_program(SHLIBDEPS dpkg-shlibdeps)
if(NOT SHLIBDEPS)
  message(FATAL_ERROR "dpkg-shlibdeps is missing: install dpkg-dev")
endif()
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(doc ${root}/share/doc/twilio-cgi)
set(overrides ${root}/share/lintian/overrides/twilio-cgi)
set(VERSION ${CPACK_PACKAGE_VERSION})
set(CONTACT ${CPACK_PACKAGE_CONTACT})

configure_file(${CMAKE_CURRENT_LIST_DIR}/changelog.in ${doc}/changelog @ONLY)
execute_process(COMMAND gzip -9nf ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY)
configure_file(${CMAKE_CURRENT_LIST_DIR}/copyright ${doc}/copyright COPYONLY)
configure_file(${CMAKE_CURRENT_LIST_DIR}/overrides ${overrides} COPYONLY)
file(GLOB programs ${root}/lib/twilio-cgi/*)
execute_process(COMMAND strip --strip-unneeded --remove-section=.comment --remove-section=.note
  ${programs} COMMAND_ERROR_IS_FATAL ANY)

# What was made above has the modes of its sources, and directories the umask's.
set(everybody OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
set(search OWNER_EXECUTE GROUP_EXECUTE WORLD_EXECUTE)
file(CHMOD_RECURSE ${CPACK_TEMPORARY_INSTALL_DIRECTORY} FILE_PERMISSIONS ${everybody}
  DIRECTORY_PERMISSIONS ${everybody} ${search})
file(CHMOD ${CPACK_TEMPORARY_INSTALL_DIRECTORY} ${programs} PERMISSIONS ${everybody} ${search})
