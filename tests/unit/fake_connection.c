#include "fake_connection.h"

#include "unit.h"

static const char *variable(void *self, const char *name)
{
    const struct fake_connection *fake = self;
    size_t n = strlen(name);

    for (const char *const *v = fake->variables; *v; v++)
        if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
            return *v + n + 1;
    return NULL;
}

static const char *each(void *self, size_t i)
{
    const struct fake_connection *fake = self;

    return fake->variables[i];
}

static ssize_t read_some(void *self, char *to, size_t n)
{
    struct fake_connection *fake = self;
    size_t left = fake->body.n - fake->n_read;

    fake->n_asked += n;
    if (fake->breaks_at && fake->n_read >= fake->breaks_at)
        return -1;
    if (n > left)
        n = left;
    if (fake->most_at_once && n > fake->most_at_once)
        n = fake->most_at_once;
    if (n)
        memcpy(to, fake->body.s + fake->n_read, n);
    fake->n_read += n;
    return (ssize_t)n;
}

static void end_body(void *self)
{
    struct fake_connection *fake = self;

    fake->n_ended++;
}

static bool write_all(void *self, const char *from, size_t n)
{
    struct fake_connection *fake = self;

    fake->n_written++;
    if (fake->gone)
        return false;
    free(fake->written);
    fake->written = strndup(from, n);
    assert_non_null(fake->written);
    assert_int_equal(strlen(fake->written), n);
    return true;
}

static void finish(void *self)
{
    struct fake_connection *fake = self;

    assert_true(fake->n_written > 0);
    fake->n_finished++;
}

struct cgi_connection fake_connection(struct fake_connection *fake)
{
    return (struct cgi_connection){.self = fake,
                                   .variable = variable,
                                   .each = each,
                                   .read = read_some,
                                   .end_body = end_body,
                                   .write = write_all,
                                   .finish = finish};
}

void fake_connection_release(struct fake_connection *fake)
{
    free(fake->written);
    fake->written = NULL;
}
