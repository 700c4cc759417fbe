# Run by cmake --install. Given: CMAKE_INSTALL_PREFIX, PROGRAMS (the programs' directory), SOURCES, and
# MADE, a directory for what is made on the way.
set(SHARE ${CMAKE_INSTALL_PREFIX}/share/twilio-cgi)
set(DOC ${CMAKE_INSTALL_PREFIX}/share/doc/twilio-cgi)
set(UNITS ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
file(REMOVE_RECURSE ${MADE}/units ${MADE}/man)

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

file(GLOB units ${MADE}/units/* ${SOURCES}/nginx/systemd/*.socket ${SOURCES}/nginx/systemd/*.timer
  ${SOURCES}/nginx/systemd/*.target)
file(INSTALL ${units} DESTINATION ${UNITS})
file(INSTALL ${MADE}/man DESTINATION ${CMAKE_INSTALL_PREFIX}/share)
file(INSTALL ${MADE}/environment DESTINATION ${SHARE})
