// The two old names inside Supabase, for callers that cannot call another address: deployed there as
// send-twilio-message and as send-whatsapp, it hands each request to the programs and their answer back.
// A caller with the project's service key is one of ours and gets the server key; everybody else is
// who his own token says, or nobody. With SEND_TWILIO_MESSAGE_AUTH=required, in the project's directory:
//
//   for name in send-twilio-message send-whatsapp; do
//       install -D -m 644 /usr/share/doc/twilio-cgi/examples/supabase/forward.ts supabase/functions/$name/index.ts
//   done
//   supabase secrets set TWILIO_CGI_URL=https://example.org/functions/v1 TWILIO_CGI_KEY=...  # one of SERVER_KEYS
//   supabase functions deploy send-twilio-message send-whatsapp --no-verify-jwt              # the programs verify

const programs = Deno.env.get("TWILIO_CGI_URL"); // https://example.org/functions/v1
const serverKey = Deno.env.get("TWILIO_CGI_KEY") ?? ""; // one of SERVER_KEYS
const serviceKey = Deno.env.get("SUPABASE_SERVICE_ROLE_KEY");
const passed = ["authorization", "content-type", "idempotency-key", "x-request-id", "origin",
  "access-control-request-method", "access-control-request-headers"];

Deno.serve(async (request) => {
  const name = new URL(request.url).pathname.split("/").pop();
  const headers = new Headers({ "accept-encoding": "identity" });
  for (const header of passed)
    if (request.headers.has(header)) headers.set(header, request.headers.get(header)!);
  if (serviceKey && headers.get("authorization") === `Bearer ${serviceKey}`) {
    headers.delete("authorization");
    headers.set("apikey", serverKey);
  }
  const body = request.method === "POST" ? await request.arrayBuffer() : undefined;
  try {
    const answer = await fetch(`${programs}/${name}`,
      { method: request.method, headers, body, redirect: "manual" });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  } catch {
    return Response.json({ success: false, code: "outcome_unknown",
      error: "The message may have been sent. Do not send it again blindly" }, { status: 504 });
  }
});
