/**
 * Tokens signed with FAKE_SECRET by another program (Python's hmac); they end an hour after
 * FAKE_EPOCH_MS.
 */
#ifndef FAKE_TOKENS_H
#define FAKE_TOKENS_H

#define FAKE_USER "11111111-2222-4333-8444-555555555555"

#define FAKE_BEARER "HTTP_AUTHORIZATION=Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
#define FAKE_USER_TOKEN                                                                            \
    FAKE_BEARER                                                                                    \
    "eyJyb2xlIjoiYXV0aGVudGljYXRlZCIsImF1ZCI6ImF1dGhlbnRpY2F0ZWQiLCJzdWIiOiIxMTExMTExMS0yMjIyLTQz" \
    "MzMtODQ0NC01NTU1NTU1NTU1NTUiLCJleHAiOjE3NjcyNzI0MDB9."                                        \
    "uY-pPmkKl14km6V5LbWNCTM70QitRiX-BZthuqtcMdg"
#define FAKE_EXPIRED_TOKEN                                                                         \
    FAKE_BEARER                                                                                    \
    "eyJyb2xlIjoiYXV0aGVudGljYXRlZCIsImF1ZCI6ImF1dGhlbnRpY2F0ZWQiLCJzdWIiOiIxMTExMTExMS0yMjIyLTQz" \
    "MzMtODQ0NC01NTU1NTU1NTU1NTUiLCJleHAiOjE3NjcyNjUyMDB9."                                        \
    "YZrjfKlrZAfMaAgM_XJ3ildL6ozMdkN5ZB0UMIGfyMI"
#define FAKE_SERVER_TOKEN                                                                          \
    FAKE_BEARER "eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjoxNzY3MjcyNDAwfQ."                          \
                "aEIoxT3dVAz7p_2IQwznzP4ceM-0Drs5_S3FdPEpy4w"
#define FAKE_ANON_TOKEN                                                                            \
    FAKE_BEARER "eyJyb2xlIjoiYW5vbiIsImV4cCI6MTc2NzI3MjQwMH0."                                     \
                "svJHsblc3LS5XXDJlYYuGj6gEYR6dmxKNpLSt43RuCs"
/** Anon's with another signature. */
#define FAKE_FALSE_TOKEN                                                                           \
    FAKE_BEARER "eyJyb2xlIjoiYW5vbiIsImV4cCI6MTc2NzI3MjQwMH0."                                     \
                "svJHsblc3LS6XXDJlYYuGj6gEYR6dmxKNpLSt43RuCs"

#endif
