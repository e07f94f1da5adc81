-- adopting.lua: what a device cast before its voter signed in counts against the account's quota.
-- The device's record only grows within a period, so counting what is new in it, each time, counts
-- each vote once, however often a voter signs in.
--
-- KEYS[1] voters   hash  voter -> period (2 bytes), then 2 bytes for each entry voted for in it
-- KEYS[2] adopted  hash  account and device -> period, how many of the device's votes were counted
-- ARGV[1] the account's voter
-- ARGV[2] the device's voter
-- ARGV[3] the device's record

local period = struct.unpack('>H', ARGV[3])
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record or struct.unpack('>H', record) < period then record = struct.pack('>H', period) end
if struct.unpack('>H', record) > period then return end

local counted = 0
local seen = redis.call('HGET', KEYS[2], ARGV[1] .. ARGV[2])
if seen then
  local of, votes = struct.unpack('>HH', seen)
  if of == period then counted = votes end
end
local fresh = string.sub(ARGV[3], 3 + 2 * counted)
if fresh == '' then return end

redis.call('HSET', KEYS[1], ARGV[1], record .. fresh)
redis.call('HSET', KEYS[2], ARGV[1] .. ARGV[2], struct.pack('>HH', period, (#ARGV[3] - 2) / 2))
