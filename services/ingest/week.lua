-- week.lua: sums the source addresses of a week up into one set, which every commit then keeps (commit.lua,
-- add_to_week), so that a report reads the first names of one set, however many addresses there are. It runs
-- once a day, at the first report.
--
--   ARGV     seconds the sums are kept up, how many names are wanted, then the days, YYYYMMDD, the earliest first
--   answer   names and numbers of threats in turn, the most first

local call = redis.call
local kept_s, wanted, from, to = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[#ARGV]
local set = key.week_addresses:format(to)
local days = {}
for i = 3, #ARGV do days[i - 2] = key.day_addresses:format(ARGV[i]) end

call('ZUNIONSTORE', set, #days, unpack(days))
-- The set outlives the mark: while commits add to it, it is there.
call('EXPIRE', set, 2 * kept_s)
call('SET', key.week, from .. ' ' .. to, 'EX', kept_s)
return call('ZREVRANGE', set, 0, wanted - 1, 'WITHSCORES')
