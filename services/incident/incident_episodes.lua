-- incident_episodes.lua: which incident a threat belongs to.
--
-- Threats of one kind (a hash of incident name, type and group key) that are closer than the grouping window are one
-- episode, and share an incident. The open episodes of a kind stand in a list, one behind the other: first, last, id.
-- They are read when the first batch meets the kind and written once, by finish().

local call, pack = redis.call, cmsgpack.pack
local min, max = math.min, math.max
local insert, remove = table.insert, table.remove
local pairs, unpack = pairs, unpack

local load, load_rest, open = store.load, store.load_rest, store.open

local EPISODES_MAX = 64         -- of one kind, open at a time

-- Of the present call.
local kinds                     -- by hash: a list of episodes, and how much longer it is kept (kept_ms)
local changed_kinds             -- those to write, by hash

local met                       -- kinds of this batch's threats by hash, as they were before it

local function begin_call()
    kinds, changed_kinds, met = {}, {}, {}
end

local function begin_batch()
    met = {}
end

-- A kind that an earlier batch changed is as that left it; others are read again.
local function undo()
    for hash, kind in pairs(met) do kinds[hash] = changed_kinds[hash] and kind or nil end
    met = {}
end

local function remove_episode(list, at)
    for _ = 1, 3 do remove(list, at) end
end

-- Places of the episodes that a threat from `first` to `last` belongs to; forgets those whose incident
-- is gone.
local function episodes_at(list, first, last)
    local found, at, window_ms = {}, 1, present.window_ms
    while at <= #list do
        local incident = nil
        if last >= list[at] - window_ms and first <= list[at + 1] + window_ms then
            incident = load(list[at + 2])
        end
        if incident == false then
            remove_episode(list, at)
        else
            if incident and status_active[incident.status] then insert(found, at) end
            at = at + 3
        end
    end
    return found
end

-- Makes one episode of several: the earliest stays; its place is returned.
local function unite_episodes(list, found)
    local stays = found[1]
    for i = 2, #found do
        local at = found[i]
        if list[at] < list[stays] or
            (list[at] == list[stays] and
             load_rest(load(list[at + 2])).number < load_rest(load(list[stays + 2])).number) then
            stays = at
        end
    end
    for i = #found, 1, -1 do
        local at = found[i]
        if at ~= stays then
            list[stays] = min(list[stays], list[at])
            list[stays + 1] = max(list[stays + 1], list[at + 1])
            joining.merge(load(list[stays + 2]), load(list[at + 2]))
            remove_episode(list, at)
            if at < stays then stays = stays - 3 end
        end
    end
    return stays
end

local function add_episode(list, first, last, id)
    local place = #list
    list[place + 1], list[place + 2], list[place + 3] = first, last, id
    if #list > EPISODES_MAX * 3 then
        local oldest = 1
        for at = 4, #list, 3 do
            if list[at + 1] < list[oldest + 1] then oldest = at end
        end
        remove_episode(list, oldest)
        present.add(key.ledger, 'episodes_evicted', 1)
    end
end

-- The episodes of a kind, which this batch may change.
local function meet(hash)
    local list = kinds[hash]
    if not list then
        local stored = call('GET', key.episode:format(hash))
        local longer
        list = {}
        if stored then list, longer = cmsgpack.unpack(stored) end
        list.kept_ms, kinds[hash] = longer, list
    end
    if not met[hash] then
        met[hash] = {unpack(list)}
        met[hash].kept_ms = list.kept_ms
    end
    return list
end

-- The incident of a threat, and whether it was opened for it.
local function find_or_open(threat)
    local span = present.spans[threat]
    if present.window_ms == 0 and not span then return open(threat), true end
    local first = present.times[threat]
    local last = span and span.to or first
    local list = meet(present.hashes[threat])
    if span then list.kept_ms = max(list.kept_ms or 0, span.kept_ms) end
    local found = episodes_at(list, first, last)
    if #found == 0 then
        local incident = open(threat)
        add_episode(list, first, last, incident.id)
        return incident, true
    end
    local at = #found == 1 and found[1] or unite_episodes(list, found)
    list[at], list[at + 1] = min(list[at], first), max(list[at + 1], last)
    return load(list[at + 2]), false
end

-- What a batch came to is what the next one finds.
local function settle()
    for hash in pairs(met) do changed_kinds[hash] = true end
    met = {}
end

local function write_episodes(hash)
    local list = kinds[hash]
    local longer = list.kept_ms or 0
    list.kept_ms = nil -- packed beside the list
    call('SET', key.episode:format(hash), pack(list, longer), 'PX',
         max(1, present.window_ms + present.lateness_ms + longer))
end

local function finish()
    for hash in pairs(changed_kinds) do write_episodes(hash) end
end

return {begin_call = begin_call, begin_batch = begin_batch, undo = undo, find_or_open = find_or_open,
        settle = settle, finish = finish}
