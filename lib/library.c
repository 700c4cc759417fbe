#include "library.h"

#include <dlfcn.h>
#include <pthread.h>

static bool find_functions(const struct library *library, struct fault *reterr)
{
    if (!dlopen(library->soname, RTLD_LAZY | RTLD_GLOBAL))
        return fault_set(reterr, FAULT_NO_MEMORY, "cannot load %s", dlerror());
    for (size_t i = 0; i < library->n; i++) {
        void *found = dlsym(RTLD_DEFAULT, library->functions[i].name);
        if (!found)
            return fault_set(reterr, FAULT_NO_MEMORY, "%s is not in %s", library->functions[i].name,
                             library->soname);
        *(void **)library->functions[i].pointer = found;
    }
    return true;
}

bool library_load(struct library *library, struct fault *reterr)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    if (atomic_load(&library->loaded))
        return true;
    pthread_mutex_lock(&lock);
    bool good = atomic_load(&library->loaded) || find_functions(library, reterr);
    if (good)
        atomic_store(&library->loaded, true);
    pthread_mutex_unlock(&lock);
    return good;
}
