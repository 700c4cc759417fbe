-- People and requests that the pgTAP tests share, and the ways to become somebody.
insert into public.profiles (id, full_name) values
    ('00000000-0000-4000-8000-00000000000a', 'a user'),
    ('00000000-0000-4000-8000-00000000000b', 'another user'),
    ('00000000-0000-4000-8000-00000000000c', 'a manager');
insert into public.user_roles (user_id, role) values
    ('00000000-0000-4000-8000-00000000000b', 'customer'),
    ('00000000-0000-4000-8000-00000000000c', 'manager');
insert into public.maintenance_requests (id, created_by) values
    ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-00000000000a'),
    ('00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-00000000000b');

-- Local to the transaction, as PostgREST does it.
create function public.become(p_role text, p_user text default null) returns void
language sql
as $$
    select set_config('role', p_role, true),
        set_config('request.jwt.claims', jsonb_build_object('sub', p_user, 'role', p_role)::text, true)
$$;

-- A message with a SID, as reserve and settle leave it.
create function public.sent_message(
    p_sid text, p_sender uuid default '00000000-0000-4000-8000-00000000000a', p_type text default 'sms',
    p_request uuid default null)
returns uuid
language plpgsql
as $$
declare
    v_id uuid;
begin
    select r.id into v_id
    from messaging.reserve_message('test', null, p_sender, null, p_type, '+201012345678', 'نص', p_request, null, '{}') as r;
    perform messaging.settle_message(v_id, p_sid, 'queued', null, null, '{}', false, null);
    return v_id;
end
$$;
