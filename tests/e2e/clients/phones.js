/**
 * Phone numbers as people type them: what the sender makes of them is what libphonenumber, which
 * knows every country's numbering plan, makes of them.
 */
'use strict';

const assert = require('node:assert/strict');
const { getExampleNumber, parsePhoneNumberFromString } = require('libphonenumber-js/max');
const examples = require('libphonenumber-js/examples.mobile.json');
const { it, run } = require('./cases');
const { base, each, post, serviceKey } = require('./world');

/** E.164 by the sender's answer, "refused" where it says that it is no number. */
async function bySender(typed) {
  // WhatsApp: a landline may have it.
  const { status, json } = await post(`${base}/send-whatsapp`,
    JSON.stringify({ to: typed, message: 'x' }),
    { Authorization: `Bearer ${serviceKey}`, 'Content-Type': 'application/json' });
  if (status === 400 && json.code === 'invalid_phone') return 'refused';
  assert.equal(status, 200, `'${typed}': ${JSON.stringify(json)}`);
  return json.data.to.replace(/^whatsapp:/, '');
}

/** The area code 15 has shorter numbers too, but who types one means a mobile that lacks a digit. */
const lacksDigit = (number) =>
  number.country === 'EG' && /^15\d{6,7}$/.test(number.nationalNumber);

function byLibrary(typed) {
  const number = parsePhoneNumberFromString(typed, { defaultCountry: 'EG', extract: false });
  return number && number.isValid() && !lacksDigit(number) ? number.number : 'refused';
}

/** Both asked about each; fails with all on which they differ. At least `valid` must be numbers. */
async function agree(typed, valid) {
  const ours = await each(typed, 6, bySender);
  const theirs = typed.map(byLibrary);
  const differing = typed.flatMap((number, i) =>
    (ours[i] === theirs[i] ? [] : [`'${number}': sender ${ours[i]}, libphonenumber ${theirs[i]}`]));
  assert.deepEqual(differing, []);
  const accepted = ours.filter((number) => number !== 'refused').length;
  assert.ok(accepted >= valid, `only ${accepted} of ${typed.length} are numbers`);
}

const digitsFrom = (zero) => (number) =>
  number.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));
const arabicIndic = digitsFrom(0x0660);
const easternArabic = digitsFrom(0x06F0);
const fullWidth = digitsFrom(0xFF10);

/** Ways to type a national number, without the trunk 0 given. */
const forms = [
  (n) => `0${n}`,
  (n) => n,
  (n) => `20${n}`,
  (n) => `+20${n}`,
  (n) => `0020${n}`,
  (n) => `+200${n}`,
  (n) => `+20 0${n.slice(0, 3)} ${n.slice(3, 6)} ${n.slice(6)}`,
  (n) => `0${n.slice(0, 2)}-${n.slice(2, 6)}-${n.slice(6)}`,
  (n) => `(0${n.slice(0, 2)}) ${n.slice(2, 6)}.${n.slice(6)}`,
  (n) => arabicIndic(`0${n}`),
  (n) => arabicIndic(`+20 ${n.slice(0, 2)} ${n.slice(2)}`),
  (n) => easternArabic(`0020${n}`),
  (n) => fullWidth(`0${n}`),
  (n) => `\uFF0B20\u00A0${n.slice(0, 3)}\u2013${n.slice(3)}`,
];

/** `length` digits that begin so, none of them one at which the sandbox misbehaves. */
const national = (prefix, length) => (prefix + '2345678123456').slice(0, length);

it('Egyptian mobiles in every form that people type are what libphonenumber makes of them', () =>
  agree(['10', '11', '12', '15'].flatMap((prefix) =>
    forms.map((form) => form(national(prefix, 10)))), 4 * forms.length));

it('Egyptian landlines in every form are what libphonenumber makes of them', () =>
  agree(['22', '3', '57'].flatMap((prefix) =>
    forms.map((form) => form(national(prefix, prefix === '3' ? 8 : 9)))), 3 * forms.length));

it('every Egyptian prefix and length is a number exactly where libphonenumber has one', async () => {
  const prefixes = (from, to) => Array.from({ length: to - from }, (_, i) => String(from + i));
  const plan = [
    [prefixes(10, 100), [8, 9, 10]],
    [['10', '15', '23', '34', '40', '57', '68', '97'], [6, 7, 11, 12]],
    [[...prefixes(130, 140), ...prefixes(150, 160)], [8, 9]],
    [[...prefixes(800, 810), ...prefixes(900, 910)], [10]],
  ];
  const numbers = plan.flatMap(([all, lengths]) =>
    all.flatMap((prefix) => lengths.map((length) => national(prefix, length))));
  await agree(numbers.map((number, i) => forms[i % 5](number)), 50);
});

const abroad = Object.keys(examples).map((country) => getExampleNumber(country, examples));
const short = (number) => number.number.length < 1 + 8;

it("mobiles of other countries are what libphonenumber makes of them, after '+' and after 00", () =>
  agree(abroad.filter((number, i) => i % 3 === 0 && !short(number)).map((number, i) =>
    (i % 2 ? number.formatInternational() : number.number.replace('+', '00'))), 70));

it('a nought in brackets behind a country code is what libphonenumber makes of it', () => {
  const mobiles = abroad.filter(({ country }) =>
    ['GB', 'DE', 'FR', 'NL', 'SE', 'TR', 'SA', 'AE', 'JO', 'IQ', 'AU'].includes(country));
  return agree(mobiles.flatMap(({ countryCallingCode: code, nationalNumber: rest }) =>
    [`+${code} (0)${rest}`, `00${code} (0) ${rest.slice(0, 4)} ${rest.slice(4)}`]), 22);
});

it('a number of fewer than 8 digits, as some islands have, is refused', async () => {
  const typed = abroad.filter(short).map((number) => number.number);
  assert.notEqual(typed.length, 0);
  for (const number of typed) assert.equal(await bySender(number), 'refused', number);
});

run();
