#include "requests.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char *const statuses[REQUESTS_PASSES] = {"queued", "sending", "sent", "delivered",
                                                      "read"};

struct hex_name {
    char text[33];
};

/** md5('<what> <n>') as SQL has it: spread over an index as real SIDs are. */
static struct hex_name name_of(const char *what, long n)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct hex_name name = {""};
    char source[64];

    int length = snprintf(source, sizeof(source), "%s %ld", what, n);
    EVP_Q_digest(NULL, "MD5", NULL, source, (size_t)length, digest, NULL);
    for (size_t i = 0; i < 16; i++)
        snprintf(name.text + 2 * i, 3, "%02x", digest[i]);
    return name;
}

static void add_uuid(const char *what, long n, char to[37])
{
    struct hex_name name = name_of(what, n);

    snprintf(to, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", name.text, name.text + 8, name.text + 12,
             name.text + 16, name.text + 20);
}

static size_t base64url(const unsigned char *from, size_t n, char *to)
{
    size_t length = (size_t)EVP_EncodeBlock((unsigned char *)to, from, (int)n);

    for (size_t i = 0; i < length; i++)
        to[i] = to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i];
    while (length && to[length - 1] == '=')
        length--;
    to[length] = '\0';
    return length;
}

static size_t make_callback(const struct requests *requests, long n, char *to, size_t room)
{
    static const char account[] = "AC0123456789abcdef0123456789abcdef";
    char id[37], signed_text[1024], body[1024];
    unsigned char digest[EVP_MAX_MD_SIZE], signature[64];
    unsigned int length = 0;
    long row = n % requests->rows;

    if (n / requests->rows >= REQUESTS_PASSES)
        return 0;
    const char *status = statuses[n / requests->rows];
    struct hex_name sid = name_of("sid", row);
    add_uuid("row", row, id);
    int signed_length =
        snprintf(signed_text, sizeof(signed_text),
                 "%s/twilio-delivery-status?id=%sAccountSid%sApiVersion2010-04-01From+15005550006"
                 "MessageSidSM%sMessageStatus%sSmsSidSM%sSmsStatus%sTo+201012345678",
                 requests->public_url, id, account, sid.text, status, sid.text, status);
    HMAC(EVP_sha1(), requests->auth_token, (int)strlen(requests->auth_token),
         (const unsigned char *)signed_text, (size_t)signed_length, digest, &length);
    EVP_EncodeBlock(signature, digest, (int)length);
    int body_length = snprintf(body, sizeof(body),
                               "AccountSid=%s&ApiVersion=2010-04-01&From=%%2B15005550006"
                               "&MessageSid=SM%s&MessageStatus=%s&SmsSid=SM%s&SmsStatus=%s"
                               "&To=%%2B201012345678",
                               account, sid.text, status, sid.text, status);
    return (size_t)snprintf(to, room,
                            "POST %s?id=%s HTTP/1.1\r\nHost: localhost\r\n"
                            "User-Agent: TwilioProxy/1.1\r\nX-Twilio-Signature: %s\r\n"
                            "Content-Type: application/x-www-form-urlencoded\r\n"
                            "Content-Length: %d\r\n\r\n%s",
                            requests->path, id, signature, body_length, body);
}

/** "Authorization: Bearer ..." for user n. */
static void make_token(const struct requests *requests, long n, char *to, size_t room)
{
    char user[37], claims[256], token[1024] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_length = 0;
    size_t length = strlen(token);

    add_uuid("user", n % requests->rows, user);
    int claims_length =
        snprintf(claims, sizeof(claims),
                 "{\"sub\":\"%s\",\"role\":\"authenticated\",\"aud\":\"authenticated\","
                 "\"exp\":%lld}",
                 user, (long long)time(NULL) + 3600);
    length += base64url((const unsigned char *)claims, (size_t)claims_length, token + length);
    HMAC(EVP_sha256(), requests->jwt_secret, (int)strlen(requests->jwt_secret),
         (const unsigned char *)token, length, digest, &digest_length);
    token[length++] = '.';
    base64url(digest, digest_length, token + length);
    snprintf(to, room, "Authorization: Bearer %s\r\n", token);
}

static size_t make_message(const struct requests *requests, long n, char *to, size_t room)
{
    char body[512], token[1200] = "";

    if (requests->kind == REQUESTS_WHATSAPP)
        make_token(requests, n, token, sizeof(token));
    /* the sandbox misbehaves for numbers whose last three digits are 900 or more */
    int length = snprintf(body, sizeof(body),
                          "{\"to\":\"+2010%05ld%03ld\",\"message\":\"تم استلام طلب الصيانة رقم "
                          "%ld وسيتم التواصل معكم قريبًا\"}",
                          n / 900 % 100000, n % 900, n);
    return (size_t)snprintf(to, room,
                            "POST %s HTTP/1.1\r\nHost: localhost\r\n"
                            "Content-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
                            requests->path, token, length, body);
}

size_t requests_make(const struct requests *requests, long n, char *to, size_t room)
{
    return requests->kind == REQUESTS_WEBHOOK ? make_callback(requests, n, to, room)
                                              : make_message(requests, n, to, room);
}
