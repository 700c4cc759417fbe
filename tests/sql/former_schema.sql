-- What the migrations of commit 3114e0e made of a database with sql/standalone.sql, as pg_dump
-- --schema-only told it, functions without their bodies; with their ledger and a few rows. To be migrated
-- again. The roles messaging_owner and twilio_cgi are there.
\set ON_ERROR_STOP on
set check_function_bodies = off;
set client_min_messages = warning;

CREATE SCHEMA messaging;
ALTER SCHEMA messaging OWNER TO messaging_owner;
CREATE FUNCTION messaging.adopt_events(p_id uuid, p_sid text) RETURNS void
    LANGUAGE plpgsql
    AS 'former';
ALTER FUNCTION messaging.adopt_events(p_id uuid, p_sid text) OWNER TO messaging_owner;
CREATE FUNCTION messaging.adopt_message() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.adopt_message() OWNER TO messaging_owner;
CREATE FUNCTION messaging.clipped(p_text text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'former';
ALTER FUNCTION messaging.clipped(p_text text) OWNER TO messaging_owner;
CREATE FUNCTION messaging.current_user_id() RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.current_user_id() OWNER TO messaging_owner;
CREATE FUNCTION messaging.error_meaning(p_code text) RETURNS text
    LANGUAGE sql STABLE
    AS 'former';
ALTER FUNCTION messaging.error_meaning(p_code text) OWNER TO messaging_owner;
CREATE TABLE messaging.message_status_events (
    id bigint NOT NULL,
    message_log_id uuid,
    external_id text NOT NULL,
    status text NOT NULL,
    error_code text,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE messaging.message_status_events OWNER TO messaging_owner;
CREATE FUNCTION messaging.event_text(p_event messaging.message_status_events) RETURNS text
    LANGUAGE sql STABLE
    AS 'former';
ALTER FUNCTION messaging.event_text(p_event messaging.message_status_events) OWNER TO messaging_owner;
CREATE FUNCTION messaging.greater_status(p_one text, p_other text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'former';
ALTER FUNCTION messaging.greater_status(p_one text, p_other text) OWNER TO messaging_owner;
CREATE FUNCTION messaging.insert_whatsapp_message() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.insert_whatsapp_message() OWNER TO messaging_owner;
CREATE FUNCTION messaging.is_staff() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.is_staff() OWNER TO messaging_owner;
CREATE FUNCTION messaging.join_error(p_id uuid, p_status text, p_code text, p_message text) RETURNS void
    LANGUAGE plpgsql
    AS 'former';
ALTER FUNCTION messaging.join_error(p_id uuid, p_status text, p_code text, p_message text) OWNER TO messaging_owner;
CREATE FUNCTION messaging.join_status(p_id uuid, p_status text, p_error_code text, p_error_message text, p_at timestamp with time zone, p_callback boolean) RETURNS text
    LANGUAGE plpgsql
    AS 'former';
ALTER FUNCTION messaging.join_status(p_id uuid, p_status text, p_error_code text, p_error_message text, p_at timestamp with time zone, p_callback boolean) OWNER TO messaging_owner;
CREATE FUNCTION messaging.join_told(p_id uuid, p_status text, p_error_code text, p_error_message text, p_delivered_at timestamp with time zone, p_read_at timestamp with time zone, p_failed_at timestamp with time zone, p_at timestamp with time zone) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.join_told(p_id uuid, p_status text, p_error_code text, p_error_message text, p_delivered_at timestamp with time zone, p_read_at timestamp with time zone, p_failed_at timestamp with time zone, p_at timestamp with time zone) OWNER TO messaging_owner;
CREATE FUNCTION messaging.known_sids(p_sids text[]) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.known_sids(p_sids text[]) OWNER TO messaging_owner;
CREATE FUNCTION messaging.legacy_readers(p_table regclass) RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.legacy_readers(p_table regclass) OWNER TO messaging_owner;
CREATE FUNCTION messaging.may_read_reports() RETURNS boolean
    LANGUAGE sql STABLE
    AS 'former';
ALTER FUNCTION messaging.may_read_reports() OWNER TO messaging_owner;
CREATE FUNCTION messaging.metadata_object(p_metadata jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    AS 'former';
ALTER FUNCTION messaging.metadata_object(p_metadata jsonb) OWNER TO messaging_owner;
CREATE FUNCTION messaging.notify_failure(p_id uuid) RETURNS void
    LANGUAGE plpgsql
    AS 'former';
ALTER FUNCTION messaging.notify_failure(p_id uuid) OWNER TO messaging_owner;
CREATE FUNCTION messaging.own_requests() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.own_requests() OWNER TO messaging_owner;
CREATE FUNCTION messaging.record_status(p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_parameters jsonb, p_received_at timestamp with time zone) RETURNS TABLE(outcome text, id uuid, external_id text, status text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '5s'
    AS 'former';
ALTER FUNCTION messaging.record_status(p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_parameters jsonb, p_received_at timestamp with time zone) OWNER TO messaging_owner;
CREATE FUNCTION messaging.reserve_message(p_caller text, p_key text, p_sender uuid, p_limit integer, p_type text, p_recipient text, p_content text, p_request uuid, p_media_url text, p_metadata jsonb, p_id uuid DEFAULT NULL::uuid) RETURNS TABLE(outcome text, id uuid, saved jsonb, twilio_status text, remaining integer, reset_seconds integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    SET lock_timeout TO '5s'
    AS 'former';
ALTER FUNCTION messaging.reserve_message(p_caller text, p_key text, p_sender uuid, p_limit integer, p_type text, p_recipient text, p_content text, p_request uuid, p_media_url text, p_metadata jsonb, p_id uuid) OWNER TO messaging_owner;
CREATE FUNCTION messaging.schema_version() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.schema_version() OWNER TO messaging_owner;
CREATE FUNCTION messaging.settle_message(p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_details jsonb, p_release boolean, p_at timestamp with time zone) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '5s'
    AS 'former';
ALTER FUNCTION messaging.settle_message(p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_details jsonb, p_release boolean, p_at timestamp with time zone) OWNER TO messaging_owner;
CREATE FUNCTION messaging.sid_lock(p_sid text) RETURNS void
    LANGUAGE sql
    AS 'former';
ALTER FUNCTION messaging.sid_lock(p_sid text) OWNER TO messaging_owner;
CREATE FUNCTION messaging.status_rank(p_status text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'former';
ALTER FUNCTION messaging.status_rank(p_status text) OWNER TO messaging_owner;
CREATE FUNCTION messaging.tidy_message() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.tidy_message() OWNER TO messaging_owner;
CREATE FUNCTION messaging.unsettled_messages(p_older_than interval, p_after_sent_at timestamp with time zone, p_after_id uuid, p_limit integer) RETURNS TABLE(id uuid, external_id text, message_type text, recipient text, message_content text, status text, sent_at timestamp with time zone, metadata jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.unsettled_messages(p_older_than interval, p_after_sent_at timestamp with time zone, p_after_id uuid, p_limit integer) OWNER TO messaging_owner;
CREATE FUNCTION messaging.update_whatsapp_message() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS 'former';
ALTER FUNCTION messaging.update_whatsapp_message() OWNER TO messaging_owner;
CREATE TABLE public.message_logs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    request_id uuid,
    recipient text NOT NULL,
    message_type text NOT NULL,
    message_content text,
    provider text DEFAULT 'twilio'::text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    external_id text,
    metadata jsonb DEFAULT '{}'::jsonb,
    error_message text,
    sent_at timestamp with time zone DEFAULT now(),
    delivered_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    sender_id uuid,
    media_url text,
    error_code text,
    read_at timestamp with time zone,
    failed_at timestamp with time zone
)
WITH (fillfactor='85');
CREATE VIEW messaging.delivery_report WITH (security_invoker='true') AS
 SELECT (COALESCE(m.sent_at, m.created_at))::date AS day,
    m.message_type,
    count(*) AS total,
    count(*) FILTER (WHERE (m.status = ANY (ARRAY['delivered'::text, 'read'::text]))) AS delivered,
    count(*) FILTER (WHERE (m.status = 'read'::text)) AS read,
    count(*) FILTER (WHERE (m.status = ANY (ARRAY['failed'::text, 'undelivered'::text]))) AS failed,
    count(*) FILTER (WHERE (m.status <> ALL (ARRAY['canceled'::text, 'failed'::text, 'undelivered'::text, 'delivered'::text, 'read'::text]))) AS in_flight,
    round(((count(*) FILTER (WHERE (m.status = ANY (ARRAY['delivered'::text, 'read'::text]))))::numeric / (count(*))::numeric), 4) AS delivered_share,
    round(((count(*) FILTER (WHERE (m.status = 'read'::text)))::numeric / (count(*))::numeric), 4) AS read_share,
    round((percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (m.delivered_at - m.sent_at)))::double precision)) FILTER (WHERE (m.delivered_at >= m.sent_at)))::numeric, 3) AS median_delivery_seconds,
    round((percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (m.delivered_at - m.sent_at)))::double precision)) FILTER (WHERE (m.delivered_at >= m.sent_at)))::numeric, 3) AS p95_delivery_seconds
   FROM public.message_logs m
  WHERE ( SELECT messaging.may_read_reports() AS may_read_reports)
  GROUP BY ((COALESCE(m.sent_at, m.created_at))::date), m.message_type;
ALTER TABLE messaging.delivery_report OWNER TO messaging_owner;
CREATE TABLE messaging.twilio_errors (
    code text NOT NULL,
    meaning text NOT NULL,
    meaning_ar text NOT NULL
);
ALTER TABLE messaging.twilio_errors OWNER TO messaging_owner;
CREATE VIEW messaging.failure_report WITH (security_invoker='true') AS
 SELECT (COALESCE(m.sent_at, m.created_at))::date AS day,
    m.message_type,
    m.error_code,
    COALESCE(mode() WITHIN GROUP (ORDER BY m.error_message), min(t.meaning), 'Unknown error'::text) AS reason,
    count(*) AS messages
   FROM (public.message_logs m
     LEFT JOIN messaging.twilio_errors t ON ((t.code = m.error_code)))
  WHERE ((m.status = ANY (ARRAY['failed'::text, 'undelivered'::text])) AND ( SELECT messaging.may_read_reports() AS may_read_reports))
  GROUP BY ((COALESCE(m.sent_at, m.created_at))::date), m.message_type, m.error_code,
        CASE
            WHEN (m.error_code IS NULL) THEN m.error_message
            ELSE NULL::text
        END;
ALTER TABLE messaging.failure_report OWNER TO messaging_owner;
CREATE TABLE messaging.idempotency_keys (
    caller text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    message_log_id uuid NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    ended boolean DEFAULT false NOT NULL,
    twilio_status text,
    answer jsonb
);
ALTER TABLE messaging.idempotency_keys OWNER TO messaging_owner;
ALTER TABLE messaging.message_status_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME messaging.message_status_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE messaging.schema_migrations (
    version text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE messaging.schema_migrations OWNER TO messaging_owner;
ALTER TABLE public.notifications ADD COLUMN message_log_id uuid;
COMMENT ON COLUMN public.notifications.message_log_id IS 'The message that this is about.';
CREATE VIEW public.whatsapp_messages WITH (security_invoker='true') AS
 SELECT m.id,
    m.external_id AS message_sid,
    m.sender_id,
    m.recipient AS recipient_phone,
    m.message_content AS message_body,
    m.message_content,
    m.status,
    m.request_id,
    m.media_url,
    m.sent_at,
    m.delivered_at,
    m.read_at,
    m.failed_at,
    m.error_code,
    m.error_message,
    m.created_at,
    m.updated_at
   FROM public.message_logs m
  WHERE (m.message_type = 'whatsapp'::text);
ALTER TABLE ONLY messaging.idempotency_keys
    ADD CONSTRAINT idempotency_keys_message_log_id_key UNIQUE (message_log_id);
ALTER TABLE ONLY messaging.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, key);
ALTER TABLE ONLY messaging.message_status_events
    ADD CONSTRAINT message_status_events_external_id_status_error_code_key UNIQUE NULLS NOT DISTINCT (external_id, status, error_code);
ALTER TABLE ONLY messaging.message_status_events
    ADD CONSTRAINT message_status_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY messaging.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY messaging.twilio_errors
    ADD CONSTRAINT twilio_errors_pkey PRIMARY KEY (code);
ALTER TABLE ONLY public.message_logs
    ADD CONSTRAINT message_logs_pkey PRIMARY KEY (id);
CREATE INDEX message_status_events_message_log_id_idx ON messaging.message_status_events USING btree (message_log_id) WHERE (message_log_id IS NOT NULL);
CREATE INDEX message_logs_created_at_idx ON public.message_logs USING btree (created_at);
CREATE UNIQUE INDEX message_logs_external_id_key ON public.message_logs USING btree (external_id) WHERE (external_id IS NOT NULL);
CREATE INDEX message_logs_recipient_idx ON public.message_logs USING btree (recipient);
CREATE INDEX message_logs_request_id_idx ON public.message_logs USING btree (request_id);
CREATE INDEX message_logs_sender_id_created_at_idx ON public.message_logs USING btree (sender_id, created_at);
CREATE INDEX message_logs_sent_at_idx ON public.message_logs USING btree (sent_at);
CREATE INDEX notifications_message_log_id_idx ON public.notifications USING btree (message_log_id) WHERE (message_log_id IS NOT NULL);
CREATE TRIGGER messaging_adopt AFTER INSERT ON public.message_logs FOR EACH ROW WHEN (((new.external_id IS NOT NULL) AND (new.message_type = ANY (ARRAY['sms'::text, 'whatsapp'::text])))) EXECUTE FUNCTION messaging.adopt_message();
CREATE TRIGGER messaging_insert INSTEAD OF INSERT ON public.whatsapp_messages FOR EACH ROW EXECUTE FUNCTION messaging.insert_whatsapp_message();
CREATE TRIGGER messaging_tidy BEFORE INSERT ON public.message_logs FOR EACH ROW WHEN (((new.status <> 'pending'::text) OR (new.external_id IS NOT NULL) OR (new.sent_at IS NULL) OR (new.recipient !~~ '+%'::text) OR (jsonb_typeof(new.metadata) <> 'object'::text))) EXECUTE FUNCTION messaging.tidy_message();
CREATE TRIGGER messaging_update INSTEAD OF UPDATE ON public.whatsapp_messages FOR EACH ROW EXECUTE FUNCTION messaging.update_whatsapp_message();
ALTER TABLE ONLY messaging.idempotency_keys
    ADD CONSTRAINT idempotency_keys_message_log_id_fkey FOREIGN KEY (message_log_id) REFERENCES public.message_logs(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY messaging.message_status_events
    ADD CONSTRAINT message_status_events_message_log_id_fkey FOREIGN KEY (message_log_id) REFERENCES public.message_logs(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.message_logs
    ADD CONSTRAINT message_logs_request_id_fkey FOREIGN KEY (request_id) REFERENCES public.maintenance_requests(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.message_logs
    ADD CONSTRAINT message_logs_sender_id_fkey FOREIGN KEY (sender_id) REFERENCES public.profiles(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_message_log_id_fkey FOREIGN KEY (message_log_id) REFERENCES public.message_logs(id) ON DELETE SET NULL;
ALTER TABLE messaging.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE messaging.message_status_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY "messaging: staff read all" ON messaging.message_status_events FOR SELECT TO authenticated USING (( SELECT messaging.is_staff() AS is_staff));
ALTER TABLE public.message_logs ENABLE ROW LEVEL SECURITY;
CREATE POLICY "messaging: functions" ON public.maintenance_requests FOR SELECT TO messaging_owner USING (true);
CREATE POLICY "messaging: functions" ON public.message_logs TO messaging_owner USING (true) WITH CHECK (true);
CREATE POLICY "messaging: functions" ON public.notifications FOR INSERT TO messaging_owner WITH CHECK (true);
CREATE POLICY "messaging: functions" ON public.user_roles FOR SELECT TO messaging_owner USING (true);
CREATE POLICY "messaging: functions look" ON public.notifications FOR SELECT TO messaging_owner USING (true);
CREATE POLICY "messaging: service inserts" ON public.message_logs FOR INSERT TO service_role WITH CHECK (true);
CREATE POLICY "messaging: service reads" ON public.message_logs FOR SELECT TO service_role USING (true);
CREATE POLICY "messaging: service updates" ON public.message_logs FOR UPDATE TO service_role USING (true) WITH CHECK (true);
CREATE POLICY "messaging: staff read all, users their own" ON public.message_logs FOR SELECT TO authenticated USING ((( SELECT messaging.is_staff() AS is_staff) OR (sender_id = ( SELECT auth.uid() AS uid)) OR (request_id IN ( SELECT messaging.own_requests() AS own_requests))));
GRANT USAGE ON SCHEMA auth TO anon;
GRANT USAGE ON SCHEMA auth TO authenticated;
GRANT USAGE ON SCHEMA auth TO service_role;
GRANT USAGE ON SCHEMA messaging TO twilio_cgi;
GRANT USAGE ON SCHEMA messaging TO authenticated;
GRANT USAGE ON SCHEMA messaging TO service_role;
GRANT USAGE ON SCHEMA public TO messaging_owner;
REVOKE ALL ON FUNCTION messaging.adopt_events(p_id uuid, p_sid text) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.adopt_message() FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.clipped(p_text text) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.current_user_id() FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.current_user_id() TO authenticated;
REVOKE ALL ON FUNCTION messaging.error_meaning(p_code text) FROM PUBLIC;
GRANT SELECT ON TABLE messaging.message_status_events TO authenticated;
REVOKE ALL ON FUNCTION messaging.event_text(p_event messaging.message_status_events) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.greater_status(p_one text, p_other text) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.insert_whatsapp_message() FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.is_staff() FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.is_staff() TO authenticated;
GRANT ALL ON FUNCTION messaging.is_staff() TO service_role;
REVOKE ALL ON FUNCTION messaging.join_error(p_id uuid, p_status text, p_code text, p_message text) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.join_status(p_id uuid, p_status text, p_error_code text, p_error_message text, p_at timestamp with time zone, p_callback boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.join_told(p_id uuid, p_status text, p_error_code text, p_error_message text, p_delivered_at timestamp with time zone, p_read_at timestamp with time zone, p_failed_at timestamp with time zone, p_at timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.known_sids(p_sids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.known_sids(p_sids text[]) TO twilio_cgi;
REVOKE ALL ON FUNCTION messaging.legacy_readers(p_table regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.may_read_reports() FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.may_read_reports() TO authenticated;
GRANT ALL ON FUNCTION messaging.may_read_reports() TO service_role;
REVOKE ALL ON FUNCTION messaging.metadata_object(p_metadata jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.notify_failure(p_id uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.own_requests() FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.own_requests() TO authenticated;
REVOKE ALL ON FUNCTION messaging.record_status(p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_parameters jsonb, p_received_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.record_status(p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_parameters jsonb, p_received_at timestamp with time zone) TO twilio_cgi;
REVOKE ALL ON FUNCTION messaging.reserve_message(p_caller text, p_key text, p_sender uuid, p_limit integer, p_type text, p_recipient text, p_content text, p_request uuid, p_media_url text, p_metadata jsonb, p_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.reserve_message(p_caller text, p_key text, p_sender uuid, p_limit integer, p_type text, p_recipient text, p_content text, p_request uuid, p_media_url text, p_metadata jsonb, p_id uuid) TO twilio_cgi;
REVOKE ALL ON FUNCTION messaging.schema_version() FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.schema_version() TO twilio_cgi;
REVOKE ALL ON FUNCTION messaging.settle_message(p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_details jsonb, p_release boolean, p_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.settle_message(p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_details jsonb, p_release boolean, p_at timestamp with time zone) TO twilio_cgi;
REVOKE ALL ON FUNCTION messaging.sid_lock(p_sid text) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.status_rank(p_status text) FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.tidy_message() FROM PUBLIC;
REVOKE ALL ON FUNCTION messaging.unsettled_messages(p_older_than interval, p_after_sent_at timestamp with time zone, p_after_id uuid, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION messaging.unsettled_messages(p_older_than interval, p_after_sent_at timestamp with time zone, p_after_id uuid, p_limit integer) TO twilio_cgi;
REVOKE ALL ON FUNCTION messaging.update_whatsapp_message() FROM PUBLIC;
GRANT SELECT ON TABLE public.message_logs TO authenticated;
GRANT SELECT,INSERT,UPDATE ON TABLE public.message_logs TO service_role;
GRANT SELECT,INSERT,UPDATE ON TABLE public.message_logs TO messaging_owner;
GRANT SELECT ON TABLE messaging.delivery_report TO authenticated;
GRANT SELECT ON TABLE messaging.delivery_report TO service_role;
GRANT SELECT ON TABLE messaging.twilio_errors TO authenticated;
GRANT SELECT ON TABLE messaging.twilio_errors TO service_role;
GRANT SELECT ON TABLE messaging.failure_report TO authenticated;
GRANT SELECT ON TABLE messaging.failure_report TO service_role;
GRANT SELECT(id) ON TABLE public.maintenance_requests TO messaging_owner;
GRANT SELECT(created_by) ON TABLE public.maintenance_requests TO messaging_owner;
GRANT INSERT ON TABLE public.notifications TO messaging_owner;
GRANT SELECT(message_log_id) ON TABLE public.notifications TO messaging_owner;
GRANT SELECT ON TABLE public.user_roles TO messaging_owner;
GRANT SELECT ON TABLE public.whatsapp_messages TO authenticated;
GRANT SELECT,INSERT ON TABLE public.whatsapp_messages TO service_role;
GRANT UPDATE(status) ON TABLE public.whatsapp_messages TO service_role;
GRANT UPDATE(delivered_at) ON TABLE public.whatsapp_messages TO service_role;
GRANT UPDATE(read_at) ON TABLE public.whatsapp_messages TO service_role;
GRANT UPDATE(failed_at) ON TABLE public.whatsapp_messages TO service_role;
GRANT UPDATE(error_code) ON TABLE public.whatsapp_messages TO service_role;
GRANT UPDATE(error_message) ON TABLE public.whatsapp_messages TO service_role;
GRANT UPDATE(updated_at) ON TABLE public.whatsapp_messages TO service_role;

insert into messaging.schema_migrations (version) values
    ('20261102080000'), ('20261102080100'), ('20261103080000'), ('20261103080100'), ('20261104080000'),
    ('20261104080100'), ('20261104080200'), ('20261105080000'), ('20261106080000'), ('20261107080000'),
    ('20261109080000'), ('20261110080000'), ('20261111080000'), ('20261112080000'), ('20261113080000'),
    ('20261114080000'), ('20261116080000'), ('20261117080000'), ('20261117080100'), ('20261118080000'),
    ('20261119080000'), ('20261120080000'), ('20261121080000'), ('20261122080000'), ('20261123080000'),
    ('20261123080100'), ('20261123080300'), ('20261123080400'), ('20261123080600'), ('20261123080700');

-- Rows; the triggers have no bodies to run.
set session_replication_role = replica;
insert into public.profiles (id) values ('00000000-0000-4000-8000-00000000000a');
insert into public.message_logs (id, recipient, message_type, message_content, status, external_id, sender_id, metadata) values
    ('00000000-0000-4000-8000-000000000001', '+201012345678', 'sms', 'نص', 'sent', 'SM1', '00000000-0000-4000-8000-00000000000a', '{}'),
    ('00000000-0000-4000-8000-000000000002', '+201012345679', 'whatsapp', 'نص', 'pending', null, null, '{"a": 1}');
insert into messaging.message_status_events (message_log_id, external_id, status) values
    ('00000000-0000-4000-8000-000000000001', 'SM1', 'sent'), (null, 'SM2', 'delivered');
insert into messaging.idempotency_keys (caller, key, fingerprint, message_log_id, begun_at)
values ('c', 'k', '', '00000000-0000-4000-8000-000000000002', now());
insert into messaging.twilio_errors (code, meaning, meaning_ar) values ('30003', 'Unreachable destination handset', 'x');
reset session_replication_role;
