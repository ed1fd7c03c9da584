-- correlation_followers.lua: of rules in order, what came of those behind the first. It waits in a list by batch
-- until its group has a contribution of the first rule, a leader.

local call = redis.call
local min, insert, concat = math.min, table.insert, table.concat
local ipairs, next, pairs, type = ipairs, next, pairs, type
local unpack_head = struct.unpack

local IDENTITY, LATENESS, EVENT = terms.IDENTITY, terms.LATENESS, terms.EVENT
local NONE, ALWAYS, AT_ONCE, present = terms.NONE, terms.ALWAYS, terms.AT_ONCE, terms.present
local store_of, contribute, refresh = groups.store_of, groups.contribute, groups.refresh

local FOLLOWERS_MAX = 4096      -- batches with followers kept,
local EVICT_EXTRA = 63          -- and lists that go with the one too many, so that not every batch has to do it
local FOLLOWERS_AT_ONCE = 1024  -- of them looked into for one contribution
local LEADERS_KEPT = 256        -- correlations whose leaders are remembered
local PURGED_AT_ONCE = 64       -- lists that no late contribution needs
local FOLLOWER, FIELD_SIZE, FOLLOWER_SIZE = '<dI4BbB', 16, 31
local PLACES, PLACES_SIZE = '<I4I4', 8
local PREFIX, PREFIX_SIZE = '<I4', 4
local PREFIXES_AT_ONCE = 64
local PREFIXES = {}             -- formats of so many
for count = 1, PREFIXES_AT_ONCE do PREFIXES[count] = '<' .. ('I4'):rep(count) end

-- Kept between calls: how the names of groups with a window begin, by hash, and the version these are of. Versions
-- are numbered from 0 each time Redis makes the library anew; with when that was, none comes twice.
local leaders, leaders_count, versions = {}, 0, 0
local made_at = concat(call('TIME'), '.')

-- Of the present call, in which nobody else writes: whether a version was looked at, by hash; how many lists there
-- are, by sorted set.
local is_current, held_lists
local lists                     -- of the present batch: of followers, so that each is read once

local function begin_call()
    is_current, held_lists = {}, {}
end

local function begin()
    lists = {}
end

-- How the names of the groups with a window begin, as numbers. They are remembered between calls, and read
-- again when somebody else wrote groups since: whoever adds one sets a new version. There may be some too
-- many, never one too few.
local function leaders_of(store)
    local held = leaders[store.name]
    if held and is_current[store.name] then return held end
    local version = call('GET', store.version)
    is_current[store.name] = true
    if held and held.version == version then return held end
    if not held then
        if leaders_count == LEADERS_KEPT then leaders, leaders_count = {}, 0 end
        leaders_count = leaders_count + 1
    end
    held = {version = version, prefixes = {}}
    for _, field in ipairs(call('HKEYS', store.name)) do held.prefixes[unpack_head(PREFIX, field)] = true end
    leaders[store.name] = held
    return held
end

-- Notes that a group has a window now.
local function add_leader(store, field)
    store.leads = store.leads or leaders_of(store)
    store.leads.prefixes[unpack_head(PREFIX, field)] = true
end

-- Where a group's name stands in a list of followers; the next place to search from.
local function next_follower(list, field, from, size)
    while true do
        local at = list:find(field, from, true)
        if not at then return nil end
        if (at - 1) % size == 0 then return at, at + size end
        from = at + 1
    end
end

-- Contributes a follower of this batch. What its group says is stored with what leads it.
local function lead_on(followers, number, field, groups)
    local time, weight, rule, zone, marks =
        unpack_head(FOLLOWER, followers.list, (number - 1) * FOLLOWER_SIZE + FIELD_SIZE + 1)
    local index, place = unpack_head(PLACES, followers.places, (number - 1) * PLACES_SIZE + 1)
    local group = groups[field]
    if type(group) ~= 'table' then
        group = {definition = followers.definition, field = field, parents = NONE, place = place}
        groups[field] = group
    end
    local id = ('%s.%d'):format(present.tools.batch_name, index)
    contribute(group, {time = time, weight = weight, rule = rule, value = 0, marks = EVENT + marks,
                       zone = zone, event = {index = index, time = time, count = weight, id = id}})
end

-- Numbers of the followers whose group may have a window.
local function candidates_of(followers, prefixes)
    local found, packed = {}, followers.prefixes
    if not next(prefixes) then return found end
    for from = 0, #packed / PREFIX_SIZE - 1, PREFIXES_AT_ONCE do
        local count = min(PREFIXES_AT_ONCE, #packed / PREFIX_SIZE - from)
        local numbers = {unpack_head(PREFIXES[count], packed, from * PREFIX_SIZE + 1)}
        for i = 1, count do
            if prefixes[numbers[i]] then insert(found, from + i) end
        end
    end
    return found
end

-- Adds the groups of followers that are known, as true.
local function add_known_groups(store, followers, groups)
    local fields, list = {}, followers.list
    for _, number in ipairs(candidates_of(followers, leaders_of(store).prefixes)) do
        local at = (number - 1) * FOLLOWER_SIZE + 1
        insert(fields, list:sub(at, at + FIELD_SIZE - 1))
    end
    for from = 1, #fields, AT_ONCE do
        local to = min(from + AT_ONCE - 1, #fields)
        local windows = call('HMGET', store.name, unpack(fields, from, to))
        for i = from, to do
            if windows[i - from + 1] then groups[fields[i]] = groups[fields[i]] or true end
        end
    end
end

-- Of the followers of a batch, those whose groups are known go there; the others are listed.
local function place_followers(followers, groups)
    local store, list = store_of(followers.definition), followers.list
    add_known_groups(store, followers, groups)
    local placed, known = {}, {}
    for field in pairs(groups) do insert(known, field) end
    for _, field in ipairs(known) do
        local at, from = next_follower(list, field, 1, FOLLOWER_SIZE)
        while at do
            placed[(at - 1) / FOLLOWER_SIZE + 1] = true
            lead_on(followers, (at - 1) / FOLLOWER_SIZE + 1, field, groups)
            at, from = next_follower(list, field, from, FOLLOWER_SIZE)
        end
    end
    if next(placed) then
        local left = {}
        for number = 1, #list / FOLLOWER_SIZE do
            if not placed[number] then
                insert(left, list:sub((number - 1) * FOLLOWER_SIZE + 1, number * FOLLOWER_SIZE))
            end
        end
        list = concat(left)
    end
    if #list > 0 then store.followers, store.followed = list, followers.newest end
end

-- The lists that may hold followers of a group from some time on; each is read once.
local function lists_from(definition, from)
    local identity = definition[IDENTITY]
    local names = call('ZRANGEBYSCORE', key.correlation_followed:format(identity), from, '+inf', 'LIMIT', 0,
                       FOLLOWERS_AT_ONCE)
    local found = {}
    for _, name in ipairs(names) do
        if lists[identity .. name] == nil then
            lists[identity .. name] = call('HGET', key.correlation_followers:format(identity), name)
        end
        insert(found, lists[identity .. name] or '')
    end
    return found
end

-- A group's first contribution of rule 1, or an earlier one, takes the followers behind it out of the
-- lists; from `pulled` on that was done before.
local function pull(group, pulled)
    local definition, from = group.definition, ALWAYS
    for _, entry in ipairs(group.fresh) do
        if entry.rule == 1 then from = min(from, entry.time) end
    end
    if from >= pulled then return end
    group.pulled = from
    for _, list in ipairs(lists_from(definition, from)) do
        local at, after = next_follower(list, group.field, 1, FOLLOWER_SIZE)
        while at do
            local time, weight, rule, zone, marks = unpack_head(FOLLOWER, list, at + FIELD_SIZE)
            if time >= from and time < pulled then
                if group.earlier == NONE then group.earlier = {} end
                insert(group.earlier, {time = time, weight = weight, rule = rule, value = 0,
                                       marks = EVENT + marks, zone = zone})
            end
            at, after = next_follower(list, group.field, after, FOLLOWER_SIZE)
        end
    end
end

-- Followers that came too early for any late contribution are forgotten; so are those beyond the bound.
local function forget_followers(store)
    local name = key.correlation_followed:format(store.definition[IDENTITY])
    store.held_lists, store.unfollowed = held_lists[name], NONE
    if store.held_lists and store.held_lists < FOLLOWERS_MAX then return end
    local gone = call('ZRANGEBYSCORE', name, '-inf',
                      '(' .. ('%d'):format(store.followed - store.definition[LATENESS]), 'LIMIT', 0,
                      PURGED_AT_ONCE)
    local held = call('ZCARD', name)
    store.first_followers = held == 0
    local over = held - #gone + 1 - FOLLOWERS_MAX
    if over > 0 then
        local lost = 0
        for _, list in ipairs(call('ZRANGE', name, #gone, #gone + over + EVICT_EXTRA - 1)) do
            lost = lost + call('HSTRLEN', key.correlation_followers:format(store.definition[IDENTITY]),
                               list) / FOLLOWER_SIZE
            insert(gone, list)
        end
        present.add(key.ledger, 'contributions_evicted', lost)
    end
    store.held_lists, store.unfollowed = held - #gone, gone
    call('HLEN', key.correlation_followers:format(store.definition[IDENTITY]))
end

-- Groups of rules in order were added: the version says so.
local function write_version(store)
    versions = versions + 1
    store.leads.version = ('%s:%s:%d'):format(present.tools.publisher, made_at, versions)
    call('SET', store.version, store.leads.version, 'PX', store.lives_ms)
    -- Those that went are forgotten with the next reading, which comes when they are too many.
    store.leads.gone = (store.leads.gone or 0) + #store.forgets
    if store.leads.gone > present.tools.groups_max then
        store.leads.version, is_current[store.name] = false, nil
    end
end

local function write_followers(store)
    local identity = store.definition[IDENTITY]
    local lists_name = key.correlation_followers:format(identity)
    local order_name = key.correlation_followed:format(identity)
    each_part(store.unfollowed, 'HDEL', lists_name)
    each_part(store.unfollowed, 'ZREM', order_name)
    call('HSET', lists_name, present.tools.batch_name, store.followers)
    call('ZADD', order_name, store.followed, present.tools.batch_name)
    refresh(lists_name, store.lives_ms, store.first_followers)
    refresh(order_name, store.lives_ms, store.first_followers)
    held_lists[order_name] = store.held_lists + 1
end

return {begin_call = begin_call, begin = begin, add_leader = add_leader, place = place_followers, pull = pull,
        forget = forget_followers, write_version = write_version, write = write_followers}
