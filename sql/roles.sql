-- The two roles alone, before a dump of a database is restored in a cluster that has never had them: they
-- belong to the cluster, and the dump only names them. What is there already is left as it is. twilio_cgi
-- has no password until the operator gives one.
--
--   psql "$OWNER" -f sql/roles.sql

\set ON_ERROR_STOP on
\set QUIET on
begin;
\ir prepare.sql
\ir schema/roles.sql
commit;
