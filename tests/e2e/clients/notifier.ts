// send-unified-notification, as it runs inside Supabase: its call, with what it cannot change.
//
//   deno run notifier.ts MESSAGE     prints the answer: status and body as JSON
const SUPABASE_URL = Deno.env.get("SUPABASE_URL");
const SUPABASE_SERVICE_ROLE_KEY = Deno.env.get("SUPABASE_SERVICE_ROLE_KEY");

const response = await fetch(SUPABASE_URL + "/functions/v1/send-twilio-message", {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    "Authorization": `Bearer ${SUPABASE_SERVICE_ROLE_KEY}`,
  },
  body: JSON.stringify({ to: "01012345678", message: Deno.args[0] }),
});
console.log(JSON.stringify({ status: response.status, body: await response.json() }));
