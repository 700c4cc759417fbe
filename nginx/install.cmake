# Run by cmake --install, and by CPack. Given: CMAKE_INSTALL_PREFIX, PROGRAMS (the programs' directory),
# SOURCES, and BUILD, below which each run has a directory of its own for what is made on the way: another may
# run at the same time.
set(SHARE ${CMAKE_INSTALL_PREFIX}/share/twilio-cgi)
set(DOC ${CMAKE_INSTALL_PREFIX}/share/doc/twilio-cgi)
set(UNITS ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
execute_process(COMMAND mktemp -d ${BUILD}/install.XXXXXX OUTPUT_VARIABLE MADE OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)

function(make source made)
  configure_file(${SOURCES}/${source} ${MADE}/${made} @ONLY)
endfunction()

# Debian's way to compress, which leaves neither name nor time behind.
function(compress made)
  execute_process(COMMAND gzip -9nf ${MADE}/${made} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(READ ${SOURCES}/nginx/systemd/hardened.conf HARDENED)
set(summary_send-twilio-message "for other servers")
set(summary_send-whatsapp "for the front end")
set(summary_twilio-delivery-status "Twilio's webhook")
foreach(PROGRAM send-twilio-message send-whatsapp twilio-delivery-status)
  set(SUMMARY ${summary_${PROGRAM}})
  make(nginx/systemd/program.socket.in units/${PROGRAM}.socket)
  make(nginx/systemd/program@.service.in units/${PROGRAM}@.service)
  make(cgi-bin/${PROGRAM}.8 man/man8/${PROGRAM}.8)
  compress(man/man8/${PROGRAM}.8)
endforeach()
foreach(page twilio-cgi twilio-cgi-database)
  make(cgi-bin/${page}.7 man/man7/${page}.7)
  compress(man/man7/${page}.7)
endforeach()
file(GLOB services RELATIVE ${SOURCES}/nginx/systemd ${SOURCES}/nginx/systemd/twilio-cgi-*.service.in)
foreach(service IN LISTS services)
  string(REGEX REPLACE "[.]in$" "" made ${service})
  make(nginx/systemd/${service} units/${made})
endforeach()
make(nginx/systemd/environment.in environment)

# Examples are in use where they lie too: they name the package's own places, which are others here.
file(GLOB_RECURSE examples RELATIVE ${SOURCES}/nginx ${SOURCES}/nginx/apache/* ${SOURCES}/nginx/prometheus/*
  ${SOURCES}/nginx/supabase/*)
file(GLOB configuration RELATIVE ${SOURCES}/nginx ${SOURCES}/nginx/*.conf)
foreach(example IN LISTS examples configuration)
  file(READ ${SOURCES}/nginx/${example} text)
  string(REPLACE "/usr/lib/twilio-cgi" "${PROGRAMS}" text "${text}")
  string(REPLACE "/usr/share/doc/twilio-cgi" "${DOC}" text "${text}")
  string(REGEX REPLACE "(sudo cp|sudo cp -r) nginx/" "\\1 ${DOC}/examples/" text "${text}")
  file(WRITE ${MADE}/examples/${example} "${text}")
endforeach()

file(GLOB units ${MADE}/units/* ${SOURCES}/nginx/systemd/*.socket ${SOURCES}/nginx/systemd/*.timer
  ${SOURCES}/nginx/systemd/*.target)
file(INSTALL ${units} DESTINATION ${UNITS})
file(INSTALL ${MADE}/man DESTINATION ${CMAKE_INSTALL_PREFIX}/share)
file(INSTALL ${MADE}/environment DESTINATION ${SHARE})
file(INSTALL ${MADE}/examples DESTINATION ${DOC})
file(REMOVE_RECURSE ${MADE})
