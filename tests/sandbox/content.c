#include "content.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segments.h"

#define VALUE_MAX           1600
#define NAME_MAX_CHARACTERS 16

/* A name of 1 to 16 characters (not bytes) without a blank. */
static bool is_name(const char *name)
{
    size_t characters = 0;

    for (const char *c = name; *c; c++) {
        if ((*c & 0xC0) != 0x80)
            characters++;
    }
    return characters >= 1 && characters <= NAME_MAX_CHARACTERS && !strpbrk(name, " \t\r\n");
}

static enum content_result check_value(const cJSON *value)
{
    if (!is_name(value->string) || !cJSON_IsString(value) || *value->valuestring == '\0')
        return CONTENT_INVALID;
    if (strpbrk(value->valuestring, "\t\r\n") || strstr(value->valuestring, "     "))
        return CONTENT_INVALID;
    return segments_utf16_units(value->valuestring) > VALUE_MAX ? CONTENT_TOO_LONG : CONTENT_OK;
}

static char *render(const char *sid, const cJSON *object)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const char *separator = ": ";
    const cJSON *value;

    if (!out)
        abort();
    fprintf(out, "Template %s", sid);
    cJSON_ArrayForEach(value, object)
    {
        fprintf(out, "%s%s", separator, value->valuestring);
        separator = ", ";
    }
    fclose(out);
    return text;
}

enum content_result content_render(const char *sid, const char *variables, char **ret_body)
{
    cJSON *object = variables ? cJSON_ParseWithOpts(variables, NULL, 1) : cJSON_CreateObject();
    enum content_result result = cJSON_IsObject(object) ? CONTENT_OK : CONTENT_INVALID;
    const cJSON *value;

    if (result == CONTENT_OK) {
        cJSON_ArrayForEach(value, object)
        {
            if (result == CONTENT_OK)
                result = check_value(value);
        }
    }
    if (result == CONTENT_OK)
        *ret_body = render(sid, object);
    cJSON_Delete(object);
    return result;
}
