#include "content.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "segments.h"

#define VALUE_MAX 1600

static enum content_result check_value(const cJSON *value)
{
    if (cJSON_IsNumber(value))
        return CONTENT_OK;
    if (!cJSON_IsString(value) || *value->valuestring == '\0')
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
        if (cJSON_IsNumber(value))
            fprintf(out, "%s%.15g", separator, value->valuedouble);
        else
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
