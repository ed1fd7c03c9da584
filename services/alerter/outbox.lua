-- outbox.lua: what must be one step in the outbox's consumer group. The table `key` stands before this.
--
--   ARGV      operation, group, consumer, then by operation:
--   hold      id...                    the entries' idle time starts anew; answers 1 for each that is
--                                      still this consumer's, else 0
--   release   id...                    gives entries of this consumer to whoever claims first
--   begin     id, field                counts an attempt in alert_state; answers how many that makes, or -1
--                                      when the entry is no longer this consumer's
--   finish    id, field, done, dead_max, n, n fields of alert_state, then names and values of a dead alert
--             field is done ("1": and with it the entry, which goes with its n fields); when names and values
--             follow, it is kept in dead_alerts. What was recorded before, whose answer got lost or by another
--             consumer, is not recorded again
--   tidy      idle_ms                  removes consumers that were idle that long and hold nothing

local call = redis.call
local operation, group, consumer = ARGV[1], ARGV[2], ARGV[3]
local DAY_MS = 86400000

local function is_ours(id)
    return #call('XPENDING', key.outbox, group, id, id, 1, consumer) == 1
end

local operations = {}

function operations.hold()
    local answers = {}
    for i = 4, #ARGV do
        local ours = is_ours(ARGV[i])
        if ours then call('XCLAIM', key.outbox, group, consumer, 0, ARGV[i], 'JUSTID') end
        answers[i - 3] = ours and 1 or 0
    end
    return answers
end

function operations.release()
    for i = 4, #ARGV do
        if is_ours(ARGV[i]) then
            call('XCLAIM', key.outbox, group, consumer, 0, ARGV[i], 'IDLE', DAY_MS, 'JUSTID')
        end
    end
    return #ARGV - 3
end

function operations.begin()
    local id, field = ARGV[4], ARGV[5]
    if not is_ours(id) then return -1 end
    call('XCLAIM', key.outbox, group, consumer, 0, id, 'JUSTID')
    return call('HINCRBY', key.alert_state, field, 1)
end

function operations.finish()
    local id, field, done, dead_max, count = ARGV[4], ARGV[5], ARGV[6] == '1', ARGV[7], tonumber(ARGV[8])
    local is_open = #call('XRANGE', key.outbox, id, id) == 1 and call('HGET', key.alert_state, field) ~= 'done'
    if is_open and #ARGV > 8 + count then
        call('XADD', key.dead_alerts, 'MAXLEN', '~', dead_max, '*', unpack(ARGV, 9 + count))
    end
    if not done then return is_open and call('HSET', key.alert_state, field, 'done') or 0 end
    call('XACK', key.outbox, group, id)
    call('XDEL', key.outbox, id)
    return call('HDEL', key.alert_state, unpack(ARGV, 9, 8 + count))
end

function operations.tidy()
    local removed = 0
    for _, row in ipairs(call('XINFO', 'CONSUMERS', key.outbox, group)) do
        local info = {}
        for i = 1, #row, 2 do info[row[i]] = row[i + 1] end
        if info.name ~= consumer and info.pending == 0 and info.idle >= tonumber(ARGV[4]) then
            call('XGROUP', 'DELCONSUMER', key.outbox, group, info.name)
            removed = removed + 1
        end
    end
    return removed
end

return operations[operation]()
