-- voting.lua: the only place where a vote is decided.
-- First the answer to a ballot seen before; then every check, one refusal a line; then only
-- writes that cannot fail, because a script that fails after a write is not undone.
-- Time is the store's own, in milliseconds.
--
-- KEYS[1] rules   hash    the rules in force, and a field for each votable entry's number
-- KEYS[2] seen    hash    ballot id -> vote id
-- KEYS[3] voters  hash    voter -> period (2 bytes), then 2 bytes for each entry voted for in it
-- KEYS[4] tally   hash    entry's number -> votes
-- KEYS[5] ledger  stream  one row a vote, in the field "v"
-- ARGV[1] ballot's id
-- ARGV[2] when the ballot was issued, ms
-- ARGV[3] voter
-- ARGV[4] entry's number
-- ARGV[5] the ledger row
-- ARGV[6] the voter's class, whose quota it is: "device", "openid" or "demo"
-- Reply   {verdict, vote id or "", votes left}

local BALLOT_LIVES_MS = 1800000
local CLOCKS_DIFFER_MS = 60000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local issued = tonumber(ARGV[2])
local law = redis.call('HMGET', KEYS[1], 'opens_ms', 'closes_ms', 'paused', 'votes_per_voter',
  'votes_per_entry', 'period', 'utc_offset_s', 'votes_per_device', ARGV[4])
if not law[1] then return {'no_rules', '', 0} end
local quota = tonumber(ARGV[6] == 'device' and law[8] or law[4])

local period = 0
if law[6] == 'day' then period = math.floor((now / 1000 + law[7]) / 86400) end
local record = redis.call('HGET', KEYS[3], ARGV[3])
if not record or struct.unpack('>H', record) ~= period then record = struct.pack('>H', period) end

local entry = struct.pack('>H', ARGV[4])
local cast, cast_for_entry = (#record - 2) / 2, 0
for at = 3, #record, 2 do
  if string.sub(record, at, at + 1) == entry then cast_for_entry = cast_for_entry + 1 end
end
local left = math.max(0, quota - cast)

local seen = redis.call('HGET', KEYS[2], ARGV[1])
if seen then return {'accepted', seen, left} end

if issued > now + CLOCKS_DIFFER_MS then return {'ballot_invalid', '', left} end
if now >= issued + BALLOT_LIVES_MS then return {'ballot_expired', '', left} end
if now < tonumber(law[1]) then return {'not_open', '', left} end
if now >= tonumber(law[2]) then return {'closed', '', left} end
if law[3] and law[3] ~= '' then return {'paused', '', left} end
if not law[9] then return {'entry_not_votable', '', left} end
if quota == 0 then return {'wechat_required', '', left} end
if cast_for_entry >= tonumber(law[5]) then return {'already_voted', '', left} end
if left == 0 then return {'quota_used', '', left} end

local vote = redis.call('XADD', KEYS[5], '*', 'v', ARGV[5])
redis.call('HSET', KEYS[2], ARGV[1], vote)
if redis.call('HLEN', KEYS[2]) == 1 then
  redis.call('EXPIREAT', KEYS[2], math.floor(issued / BALLOT_LIVES_MS) * 1800 + 3600)
end
redis.call('HSET', KEYS[3], ARGV[3], record .. entry)
redis.call('HINCRBY', KEYS[4], ARGV[4], 1)
return {'accepted', vote, left - 1}
