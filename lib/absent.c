/* What the archives of libpq and libcurl name and the lean programs leave out: Kerberos, LDAP, SSH,
 * RTMP, HTTP/2, the list of public suffixes, internationalised names, zstd, brotli. Each is entered
 * by a call that says, in its library's own terms, that there is nothing, whereupon libpq and
 * libcurl go on without: libpq to passwords, libcurl to "unsupported". What could only follow upon
 * a good entry is never reached. Linked into nothing but lean programs, see LEAN in lean.cmake. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/** An entry: the answer of the library's that means "not there". No argument is looked at. */
#define ENTRY(type, name, nothing)                                                                 \
    type name(void);                                                                               \
    type name(void)                                                                                \
    {                                                                                              \
        return nothing;                                                                            \
    }

/** What only follows upon a good entry. */
#define BEYOND(name)                                                                               \
    void name(void);                                                                               \
    void name(void)                                                                                \
    {                                                                                              \
        abort();                                                                                   \
    }

/* Kerberos (RFC 2744): GSS_S_UNAVAILABLE. libpq and libcurl ask for the reason in words. */

#define GSS_S_UNAVAILABLE (16u << 16)

struct gss_text {
    size_t length;
    void *value;
};

extern const void *const GSS_C_NT_HOSTBASED_SERVICE;
const void *const GSS_C_NT_HOSTBASED_SERVICE = NULL;

uint32_t gss_display_status(uint32_t *ret_minor, uint32_t status, int type, const void *mechanism,
                            uint32_t *ret_more, struct gss_text *ret_text);
uint32_t gss_display_status(uint32_t *ret_minor, uint32_t status, int type, const void *mechanism,
                            uint32_t *ret_more, struct gss_text *ret_text)
{
    static char text[] = "Kerberos is not built in";

    (void)status;
    (void)type;
    (void)mechanism;
    *ret_minor = 0;
    *ret_more = 0;
    *ret_text = (struct gss_text){sizeof(text) - 1, text};
    return 0;
}

ENTRY(uint32_t, gss_acquire_cred, GSS_S_UNAVAILABLE)
ENTRY(uint32_t, gss_import_name, GSS_S_UNAVAILABLE)
ENTRY(uint32_t, gss_init_sec_context, GSS_S_UNAVAILABLE)
ENTRY(uint32_t, gss_release_buffer, 0)
ENTRY(uint32_t, gss_release_cred, 0)
ENTRY(uint32_t, gss_release_name, 0)
ENTRY(uint32_t, gss_delete_sec_context, 0)
BEYOND(gss_display_name)
BEYOND(gss_inquire_context)
BEYOND(gss_unwrap)
BEYOND(gss_wrap)
BEYOND(gss_wrap_size_limit)

/* LDAP: libpq looks up services there ("could not create LDAP structure"), libcurl ldap://. */

ENTRY(void *, ldap_init, NULL)
ENTRY(int, ldap_url_parse, 1)   /* LDAP_URL_ERR_MEM */
ENTRY(int, ldap_get_option, -1) /* LDAP_OPT_ERROR */
BEYOND(ber_bvfree)
BEYOND(ber_free)
BEYOND(ber_memfree)
BEYOND(ber_memvfree)
BEYOND(ber_sockbuf_add_io)
BEYOND(ldap_abandon_ext)
BEYOND(ldap_count_entries)
BEYOND(ldap_err2string)
BEYOND(ldap_first_entry)
BEYOND(ldap_free_urldesc)
BEYOND(ldap_get_attribute_ber)
BEYOND(ldap_get_dn_ber)
BEYOND(ldap_get_values_len)
BEYOND(ldap_init_fd)
BEYOND(ldap_memfree)
BEYOND(ldap_msgfree)
BEYOND(ldap_msgtype)
BEYOND(ldap_parse_result)
BEYOND(ldap_parse_sasl_bind_result)
BEYOND(ldap_pvt_url_scheme2proto)
BEYOND(ldap_result)
BEYOND(ldap_sasl_bind)
BEYOND(ldap_search_ext)
BEYOND(ldap_search_st)
BEYOND(ldap_set_option)
BEYOND(ldap_simple_bind)
BEYOND(ldap_start_tls)
BEYOND(ldap_unbind)
BEYOND(ldap_unbind_ext)
BEYOND(ldap_value_free_len)

/* SSH: scp:// and sftp:// alone; libcurl's start asks for libssh2's. */

ENTRY(int, libssh2_init, 0)
ENTRY(int, libssh2_exit, 0)
ENTRY(const char *, libssh2_version, "0")
ENTRY(void *, libssh2_session_init_ex, NULL)
BEYOND(libssh2_agent_connect)
BEYOND(libssh2_agent_disconnect)
BEYOND(libssh2_agent_free)
BEYOND(libssh2_agent_get_identity)
BEYOND(libssh2_agent_init)
BEYOND(libssh2_agent_list_identities)
BEYOND(libssh2_agent_userauth)
BEYOND(libssh2_channel_free)
BEYOND(libssh2_channel_read_ex)
BEYOND(libssh2_channel_send_eof)
BEYOND(libssh2_channel_wait_closed)
BEYOND(libssh2_channel_wait_eof)
BEYOND(libssh2_channel_write_ex)
BEYOND(libssh2_hostkey_hash)
BEYOND(libssh2_knownhost_add)
BEYOND(libssh2_knownhost_checkp)
BEYOND(libssh2_knownhost_del)
BEYOND(libssh2_knownhost_free)
BEYOND(libssh2_knownhost_get)
BEYOND(libssh2_knownhost_init)
BEYOND(libssh2_knownhost_readfile)
BEYOND(libssh2_knownhost_writefile)
BEYOND(libssh2_scp_recv2)
BEYOND(libssh2_scp_send64)
BEYOND(libssh2_session_abstract)
BEYOND(libssh2_session_block_directions)
BEYOND(libssh2_session_callback_set)
BEYOND(libssh2_session_disconnect_ex)
BEYOND(libssh2_session_flag)
BEYOND(libssh2_session_free)
BEYOND(libssh2_session_handshake)
BEYOND(libssh2_session_hostkey)
BEYOND(libssh2_session_last_errno)
BEYOND(libssh2_session_last_error)
BEYOND(libssh2_session_method_pref)
BEYOND(libssh2_session_set_blocking)
BEYOND(libssh2_sftp_close_handle)
BEYOND(libssh2_sftp_init)
BEYOND(libssh2_sftp_last_error)
BEYOND(libssh2_sftp_mkdir_ex)
BEYOND(libssh2_sftp_open_ex)
BEYOND(libssh2_sftp_read)
BEYOND(libssh2_sftp_readdir_ex)
BEYOND(libssh2_sftp_rename_ex)
BEYOND(libssh2_sftp_rmdir_ex)
BEYOND(libssh2_sftp_seek64)
BEYOND(libssh2_sftp_shutdown)
BEYOND(libssh2_sftp_stat_ex)
BEYOND(libssh2_sftp_statvfs)
BEYOND(libssh2_sftp_symlink_ex)
BEYOND(libssh2_sftp_unlink_ex)
BEYOND(libssh2_sftp_write)
BEYOND(libssh2_userauth_authenticated)
BEYOND(libssh2_userauth_keyboard_interactive_ex)
BEYOND(libssh2_userauth_list)
BEYOND(libssh2_userauth_password_ex)
BEYOND(libssh2_userauth_publickey_fromfile_ex)

/* RTMP: rtmp:// alone. */

ENTRY(void *, RTMP_Alloc, NULL)
BEYOND(RTMP_Close)
BEYOND(RTMP_Connect1)
BEYOND(RTMP_ConnectStream)
BEYOND(RTMP_Free)
BEYOND(RTMP_Init)
BEYOND(RTMP_Read)
BEYOND(RTMP_SetBufferMS)
BEYOND(RTMP_SetupURL)
BEYOND(RTMP_Write)

/* HTTP/2, which a request for HTTP/1.1 never offers. */

struct http2_version {
    /* cppcheck-suppress unusedStructMember; libcurl reads them */
    int age, number;
    /* cppcheck-suppress unusedStructMember */
    const char *version, *protocol;
};

const struct http2_version *nghttp2_version(void);
const struct http2_version *nghttp2_version(void)
{
    static const struct http2_version none = {1, 0, "0", ""};

    return &none;
}

ENTRY(int, nghttp2_session_callbacks_new, -901) /* NGHTTP2_ERR_NOMEM */
ENTRY(int, nghttp2_option_new, -901)
ENTRY(int, nghttp2_session_client_new2, -901)
BEYOND(nghttp2_http2_strerror)
BEYOND(nghttp2_is_fatal)
BEYOND(nghttp2_option_del)
BEYOND(nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation)
BEYOND(nghttp2_pack_settings_payload)
BEYOND(nghttp2_priority_spec_init)
BEYOND(nghttp2_session_callbacks_del)
BEYOND(nghttp2_session_callbacks_set_error_callback)
BEYOND(nghttp2_session_callbacks_set_on_begin_headers_callback)
BEYOND(nghttp2_session_callbacks_set_on_data_chunk_recv_callback)
BEYOND(nghttp2_session_callbacks_set_on_frame_recv_callback)
BEYOND(nghttp2_session_callbacks_set_on_header_callback)
BEYOND(nghttp2_session_callbacks_set_on_stream_close_callback)
BEYOND(nghttp2_session_callbacks_set_send_callback)
BEYOND(nghttp2_session_check_request_allowed)
BEYOND(nghttp2_session_del)
BEYOND(nghttp2_session_get_remote_settings)
BEYOND(nghttp2_session_get_remote_window_size)
BEYOND(nghttp2_session_get_stream_remote_window_size)
BEYOND(nghttp2_session_get_stream_user_data)
BEYOND(nghttp2_session_mem_recv)
BEYOND(nghttp2_session_resume_data)
BEYOND(nghttp2_session_send)
BEYOND(nghttp2_session_set_local_window_size)
BEYOND(nghttp2_session_set_stream_user_data)
BEYOND(nghttp2_session_upgrade2)
BEYOND(nghttp2_session_want_read)
BEYOND(nghttp2_session_want_write)
BEYOND(nghttp2_strerror)
BEYOND(nghttp2_submit_ping)
BEYOND(nghttp2_submit_priority)
BEYOND(nghttp2_submit_request)
BEYOND(nghttp2_submit_rst_stream)
BEYOND(nghttp2_submit_settings)

/* The list of public suffixes (cookies alone) and internationalised host names. */

ENTRY(const char *, psl_get_version, "0")
ENTRY(const void *, psl_builtin, NULL)
ENTRY(const void *, psl_latest, NULL)
ENTRY(const char *, idn2_check_version, NULL)
ENTRY(int, idn2_lookup_ul, -101) /* IDN2_NO_CODESET */
BEYOND(idn2_free)
BEYOND(psl_free)
BEYOND(psl_is_cookie_domain_acceptable)

/* Encodings of a body, which no request says it takes. */

ENTRY(uint32_t, BrotliDecoderVersion, 0)
ENTRY(void *, BrotliDecoderCreateInstance, NULL)
ENTRY(unsigned int, ZSTD_versionNumber, 0)
ENTRY(void *, ZSTD_createDStream, NULL)
BEYOND(BrotliDecoderDecompressStream)
BEYOND(BrotliDecoderDestroyInstance)
BEYOND(BrotliDecoderGetErrorCode)
BEYOND(ZSTD_decompressStream)
BEYOND(ZSTD_freeDStream)
BEYOND(ZSTD_isError)
