-- gate.lua: whether a network lets one more newcomer in, and how.
-- A bucket tells what was taken from it in the last hour, by slots of five minutes; what was taken
-- in a slot comes back an hour after the slot has ended, so within any hour no more is taken than
-- there is. Only whoever is let in takes something: a refusal writes nothing.
-- First all that is read, then only writes that cannot fail. Time is the store's own.
--
-- KEYS[1] gate     hash  the network's bucket: "f" and a slot -> let in freely, "c" and a slot ->
--                        let in with a challenge
-- KEYS[2] gate     hash  the same of one kind of browser there, which has no "c"
-- KEYS[3] granted  set   views that were let in
-- KEYS[4], [5], [6]  hyperloglog  voters with a WeChat account seen there, a week each
-- KEYS[7], [8], [9]  hyperloglog  voters with an aged pass, likewise
-- ARGV[1] the view that asks
-- ARGV[2] N: how many newcomers an hour an unknown network may send in freely
-- ARGV[3] how many were announced for this network, 0 if it isn't declared
-- ARGV[4] "1" if a challenge was solved
-- ARGV[5] when the set of granted views may go, in seconds since the epoch
-- Reply   {"granted", "challenge" or "wait", seconds to wait}

local SLOT_S, SLOTS = 300, 13 -- an hour, and the slot that is running

if redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 1 then return {'granted', 0} end

local now = tonumber(redis.call('TIME')[1])
local slot = math.floor(now / SLOT_S)

-- What counts of a bucket, by letter and by age; and the fields that don't count any more. Those of
-- the future are among them: the clock was set back.
local function taken(bucket)
  local sums, by_age, over = {f = 0, c = 0}, {}, {}
  for at = 1, #bucket, 2 do
    local letter, age = string.sub(bucket[at], 1, 1), slot - string.sub(bucket[at], 2)
    if age < 0 or age >= SLOTS then
      over[#over + 1] = bucket[at]
    else
      sums[letter] = sums[letter] + bucket[at + 1]
      by_age[age] = (by_age[age] or 0) + bucket[at + 1]
    end
  end
  return sums, by_age, over
end

local people = tonumber(ARGV[3])
local accounts = redis.call('PFCOUNT', KEYS[4], KEYS[5], KEYS[6])
local aged = redis.call('PFCOUNT', KEYS[7], KEYS[8], KEYS[9])
local allowance = ARGV[2] + 5 * accounts + math.min(ARGV[2], math.floor(aged / 5))
local free = math.max(allowance, people)
local most = free + 9 * allowance

local here, by_age, over = taken(redis.call('HGETALL', KEYS[1]))
local alike, _, alike_over = taken(redis.call('HGETALL', KEYS[2]))

local missing = here.f + here.c + 1 - most
if missing > 0 then
  local age = SLOTS
  while missing > 0 do
    age = age - 1
    missing = missing - (by_age[age] or 0)
  end
  return {'wait', (slot - age + SLOTS) * SLOT_S - now}
end

local freely = here.f < free and (people > 0 or alike.f < math.ceil(free / 2))
if not freely and ARGV[4] ~= '1' then return {'challenge', 0} end

for _, field in ipairs(over) do redis.call('HDEL', KEYS[1], field) end
redis.call('HINCRBY', KEYS[1], (freely and 'f' or 'c') .. slot, 1)
redis.call('EXPIRE', KEYS[1], SLOT_S * SLOTS)
if freely then
  for _, field in ipairs(alike_over) do redis.call('HDEL', KEYS[2], field) end
  redis.call('HINCRBY', KEYS[2], 'f' .. slot, 1)
  redis.call('EXPIRE', KEYS[2], SLOT_S * SLOTS)
end
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('EXPIREAT', KEYS[3], ARGV[5])
return {'granted', 0}
