-- commit_totals.lua: the hashes of counters and the sorted sets of names that batches add to, for commit.lua.
--
-- Most batches of a call add to the same ones, so each is read when the first of them meets it and written once, at
-- the end of the call. A batch's sums are read() while it may still fail (a key of a wrong type is met there), and
-- added when it is written; until then a batch that failed has left nothing.
--
--   sums   by hash: fields and amounts side by side, a field any number of times; expire_at, for a hash that is
--          new; fields_max, beyond which new fields are not counted
--   names  by sorted set: names and amounts likewise; expire_at; most, the names kept

local call = redis.call
local min, max = math.min, math.max
local error, pairs, tonumber, type, unpack = error, pairs, tonumber, type, unpack

local FIELDS_AT_ONCE = 1000     -- below Lua's bound of arguments

-- Of the present call.
local hashes                    -- by name: values by field
local sets                      -- by name: scores by name
-- A value or score is false when Redis has none, a text as Redis has it, a number when it is to be written.

local function begin()
    hashes, sets = {}, {}
end

-- Those of a list that are not among the known values yet; nil when there are none.
local function unknown_of(list, values)
    local found, n = nil, 0
    for i = 1, #list do
        local name = list[i]
        if values[name] == nil then
            found, n = found or {}, n + 1
            found[n] = name
        end
    end
    return found
end

-- Reads values with a command that answers a list. What is no number stops it before anything is known.
local function read_values(command, name, list, values)
    local read
    for from = 1, #list, FIELDS_AT_ONCE do
        local part = call(command, name, unpack(list, from, min(from + FIELDS_AT_ONCE - 1, #list)))
        read = read or part
        for i = 1, from > 1 and #part or 0 do read[from + i - 1] = part[i] end
    end
    for i = 1, #list do
        if read[i] and not tonumber(read[i]) then error('no number in ' .. name) end
    end
    for i = 1, #list do values[list[i]] = read[i] end
end

local function read_unknown(command, name, list, values)
    local unknown = unknown_of(list, values)
    if unknown then read_values(command, name, unknown, values) end
end

local function read_hash(name, sum)
    local hash = hashes[name]
    if hash then return read_unknown('HMGET', name, sum.fields, hash.values) end
    hash = {values = {}}
    if #sum.fields > 0 then read_values('HMGET', name, sum.fields, hash.values) end
    hash.is_new = not hash.values[sum.fields[1]]
    if name == key.rule_hits then call('HLEN', key.rule_last_hit) end
    hashes[name] = hash
end

local function read_set(name, sum)
    local set = sets[name]
    if set then return read_unknown('ZMSCORE', name, sum.names, set.scores) end
    set = {scores = {}, new = 0}
    read_values('ZMSCORE', name, sum.names, set.scores)
    sets[name] = set
end

local function read(sums, names)
    for name, sum in pairs(sums) do read_hash(name, sum) end
    for name, sum in pairs(names) do read_set(name, sum) end
end

-- Whether one more new field may be counted.
local function has_room(name, hash, fields_max)
    hash.room = (hash.room or fields_max - call('HLEN', name)) - 1
    return hash.room >= 0
end

local function add_to_hash(name, hash, sum)
    local values, fields, amounts, fields_max = hash.values, sum.fields, sum.amounts, sum.fields_max
    hash.expire_at, hash.is_changed = hash.expire_at or sum.expire_at, true
    for i = 1, #fields do
        local field = fields[i]
        local value = values[field]
        if value or not fields_max or has_room(name, hash, fields_max) then
            values[field] = (value or 0) + amounts[i]
        end
    end
end

local function add_to_set(set, sum)
    local scores, list, amounts = set.scores, sum.names, sum.amounts
    set.expire_at, set.most = sum.expire_at, sum.most
    for i = 1, #list do
        local name = list[i]
        local score = scores[name]
        if not score then set.new = set.new + 1 end
        scores[name] = (score or 0) + amounts[i]
    end
end

-- Adds what was read.
local function add(sums, names)
    for name, sum in pairs(sums) do add_to_hash(name, hashes[name], sum) end
    for name, sum in pairs(names) do add_to_set(sets[name], sum) end
end

-- A field that was added to is no sum, but the largest number it was ever told.
local function raise(name, field, value)
    local values = hashes[name].values
    values[field] = max(values[field], value)
end

-- True when the hash is there, or will be.
local function knows(name)
    return hashes[name] and hashes[name].is_changed or call('EXISTS', name) == 1
end

-- What a sorted set evicts goes to the ledger, which every batch adds to.
local function count_evicted(number)
    local values = hashes[key.ledger].values
    local before = values.names_evicted or tonumber(call('HGET', key.ledger, 'names_evicted') or 0) or 0
    values.names_evicted = before + number
end

-- What is to be written of values by name: name and value side by side, or value and name; and how long that is.
local function changes_of(values, name_at, value_at)
    local changes, n = {}, 0
    for name, value in pairs(values) do
        if type(value) == 'number' then
            changes[n + name_at], changes[n + value_at] = name, value
            n = n + 2
        end
    end
    return changes, n
end

local function write_set(name, set, names_max)
    local members, n = changes_of(set.scores, 2, 1)
    if n == 0 then return end
    each_part(members, 'ZADD', name)
    if set.new == 0 then return end -- nothing is too many that was not before
    local held = call('ZCARD', name)
    local evicted = held - (set.most or names_max)
    if evicted > 0 then
        call('ZREMRANGEBYRANK', name, 0, evicted - 1)
        count_evicted(evicted)
    end
    if held == set.new then call('EXPIREAT', name, set.expire_at) end
end

local function write_hash(name, hash, now_ms)
    local changes, n = changes_of(hash.values, 1, 2)
    each_part(changes, 'HSET', name)
    if name == key.rule_hits then
        for i = 2, n, 2 do changes[i] = now_ms end
        each_part(changes, 'HSET', key.rule_last_hit)
    end
    if hash.is_new and hash.expire_at and n > 0 then call('EXPIREAT', name, hash.expire_at) end
end

-- Writes what was added, at the end of the call; nothing of it can fail.
local function write(now_ms, names_max)
    for name, set in pairs(sets) do write_set(name, set, names_max) end
    for name, hash in pairs(hashes) do write_hash(name, hash, now_ms) end
end

return {begin = begin, read = read, add = add, raise = raise, knows = knows, write = write}
