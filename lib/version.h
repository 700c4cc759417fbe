/**
 * What was built: the build defines both, analyzers that look at one file alone do not.
 */
#ifndef VERSION_H
#define VERSION_H

/** The programs' version: "1.1.0". */
#ifndef TWILIO_CGI_VERSION
#define TWILIO_CGI_VERSION "unversioned"
#endif

/** That of the schema that they are made for (sql/schema/version.sql): a time, YYYYMMDDhhmmss. */
#ifndef SCHEMA_VERSION
#define SCHEMA_VERSION "00000000000000" /* older than any */
#endif

#endif
