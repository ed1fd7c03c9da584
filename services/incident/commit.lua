-- commit.lua: commits batches, each exactly once. The only writer of counters, incidents and outbox.
--
--   arguments the limits and the batches: MessagePack arrays packed by commit_pack.c, in the order of the names
--           below. Before this text commit_script.c puts the tables key, day_field, incident_fields,
--           severity_rank, status_rank and status_active, expanded from proto/*.def, and the modules each_part
--           (commit_parts.lua), correlate (correlation.lua) and threats_into (commit_incidents.lua).
--   answer  of each batch {state, floor}, and for a committed batch with threats {"ok", floor, last seq of this publisher,
--           {index, incident id, 1 when an alert was queued, topic, body, ...}, {index, group, incident id, 1
--           when an alert was queued, ...}}: threats, and events that correlations made threats. The index of
--           a threat of a correlation is -1. A duplicate that was sent before (its answer got lost) has parts
--           3 and 4 as well, unless it contributes, and as long as the stream holds them.
--   states  "ok", "duplicate", "ahead", "full": reasons of status.def. All but "ok" change nothing.
--
-- Lua has no rollback: sections 1 to 3 only read and compute (and so meet a key of a wrong type before
-- anything is written), section 4 only writes.
--
-- All of this is made once, when Redis first calls it; a call only fills the variables below anew. Redis runs
-- one call at a time.

local call = redis.call
local floor_of, min, max, insert = math.floor, math.min, math.max, table.insert
local ipairs, pairs, tonumber, unpack = ipairs, pairs, tonumber, unpack

local AHEAD_MAX, PAGE_BITS = DEDUP_AHEAD_MAX, DEDUP_PAGE_BITS
local LANES_MAX = 100000        -- (producer, epoch) pairs known, and producers
local RULES_COUNTED_MAX = 100000
local FIELDS_AT_ONCE = 1000     -- below Lua's bound of arguments
local QUARANTINE_KEPT = 10000
local RECALL_PAGE = 256         -- threats read at a time for an answer that got lost,
local RECALL_PAGES = 64         -- and how often
local WEEK_DAYS = 7
local WEEK_KEPT_S = 2 * 86400   -- week.lua makes it anew every day

-- Of the present call.
local lane, seq, now_ms, accepted, seq_known, kept_from, was_sent
local ledger_fields, ledger_amounts, days, rule_ids, rule_hits
local quarantined, rules, threats, contributions
local publisher, window_ms, lateness_ms, incidents_max, threats_kept, names_max, statistics_days,
    correlation_groups_max
local known, stored_floor, floor, floor_after -- how far the lane is: as Redis has it, and as it will be
local sums                      -- by hash: fields and amounts side by side
local names                     -- by sorted set: names, amounts, expire_at
local week                      -- the days a report sums up, "from to" (week.lua); false: none; nil: not asked

local function begin(batch, limits)
    lane, seq, now_ms, accepted, seq_known, kept_from, was_sent = unpack(batch, 1, 7)
    ledger_fields, ledger_amounts, days, rule_ids, rule_hits = unpack(batch, 8, 12)
    quarantined, rules, threats, contributions = unpack(batch, 13, 16)
    publisher, window_ms, lateness_ms, incidents_max, threats_kept, names_max, statistics_days,
        correlation_groups_max = unpack(limits, 1, 8)
    sums, names, week = {[key.ledger] = {fields = ledger_fields, amounts = ledger_amounts}}, {}, nil
end

-- 1. Is the batch new? ------------------------------------------------------------------------------

local function page_of(number)
    return key.dedup:format(lane, ('%d'):format(floor_of(number / PAGE_BITS)))
end

-- The first number from `number` on that is not committed.
local function first_open(number)
    while true do
        local page, bit = page_of(number), number % PAGE_BITS
        if call('GETBIT', page, bit) == 0 then return number end
        local open = call('BITPOS', page, 0, bit, -1, 'BIT')
        if open < 0 then open = call('STRLEN', page) * 8 end
        number = number - bit + open
        if open < PAGE_BITS then return number end
    end
end

-- The threats of this batch as an earlier commit left them in the stream, as the answer lists them; nil
-- when not all are found.
local function recall()
    local indices, places, left, answers, from = threats[1], {}, #threats[1], {}, '+'
    local id_begins = ('%s-%d.'):format(lane, seq)
    for i, event_id in ipairs(threats[14]) do places[event_id] = i end
    for _ = 1, left > 0 and RECALL_PAGES or 0 do
        for _, entry in ipairs(call('XREVRANGE', key.threats, from, '-', 'COUNT', RECALL_PAGE)) do
            local topic, body = entry[2][6], entry[2][8]
            local threat = body:find(id_begins, 1, true) and cmsgpack.unpack(body)
            local place = threat and places[threat.event_id]
            if place then
                local n = 5 * (place - 1)
                answers[n + 1], answers[n + 2] = indices[place], threat.incident_id
                answers[n + 3], answers[n + 4] = threat.alert_queued and 1 or 0, topic
                answers[n + 5] = body
                places[threat.event_id], left = nil, left - 1
            end
            from = '(' .. entry[1]
        end
        if left == 0 then break end
    end
    return left == 0 and answers or nil
end

-- What contributions came to is not found again.
local function duplicate()
    local answers = was_sent and not contributions and recall()
    if not answers then return {'duplicate', floor} end
    local last = max(tonumber(call('GET', key.publisher:format(publisher)) or 0), seq_known)
    return {'duplicate', floor, last, answers}
end

-- Where the batch stands; an answer when it changes nothing. What its spool holds no more was committed once,
-- and is never sent again: a Redis that was lost since does not wait for it.
local function find_place()
    known, floor, floor_after = '0', 0, 0
    stored_floor = 0
    if not lane then return nil end -- no batch: correlations that waited are judged
    local floors = call('HMGET', key.floors, lane, lane:sub(1, 16))
    known, stored_floor = floors[1], tonumber(floors[1] or 0)
    floor = stored_floor
    -- Every batch of a closed epoch was committed (close_epochs.lua saw to it, in this very Redis).
    if tonumber(floors[2] or 0) > tonumber(lane:sub(18)) then
        floor = FLOOR_CLOSED
        return duplicate()
    end
    if kept_from > floor then floor = first_open(kept_from) end
    if seq < floor then return duplicate() end
    if seq > floor + AHEAD_MAX then return {'ahead', floor} end
    if not known and call('HLEN', key.floors) >= LANES_MAX then return {'full', 0} end
    if seq > floor and call('GETBIT', page_of(seq), seq % PAGE_BITS) == 1 then return duplicate() end

    -- The batch at the floor needs no bit: it moves the floor over itself and over the full bits behind it.
    floor_after = seq == floor and first_open(seq + 1) or floor
    return nil
end

-- 2. What is summed up ------------------------------------------------------------------------------

local function add(hash, field, amount)
    local sum = sums[hash]
    if not sum then
        sum = {fields = {}, amounts = {}}
        sums[hash] = sum
    end
    local at = sum.at
    if not at then
        at = {}
        for i, name in ipairs(sum.fields) do at[name] = i end
        sum.at = at
    end
    if at[field] then
        sum.amounts[at[field]] = sum.amounts[at[field]] + amount
    else
        insert(sum.fields, field)
        insert(sum.amounts, amount)
        at[field] = #sum.fields
    end
end

-- The addresses of such a day count in the week's set, too, which may take in several days of the batch.
local function add_to_week(text, day_names, amounts)
    if week == nil then week = call('GET', key.week) end
    local from, to = (week or ''):match('^(%d+) (%d+)$')
    if not from or tonumber(text) < tonumber(from) or tonumber(text) > tonumber(to) then return end
    local set = key.week_addresses:format(to)
    local sum = names[set]
    if not sum then
        sum = {names = {}, amounts = {}, at = {}, most = WEEK_DAYS * names_max,
               expire_at = floor_of(now_ms / 1000) + WEEK_KEPT_S}
        names[set] = sum
    end
    for i, name in ipairs(day_names) do
        local at = sum.at[name] or #sum.names + 1
        sum.names[at], sum.at[name] = name, at
        sum.amounts[at] = (sum.amounts[at] or 0) + amounts[i]
    end
end

local function sum_days()
    for _, day in ipairs(days) do
        local text, expire_at = day[1], day[2]
        sums[key.day:format(text)] = {fields = day[3], amounts = day[4], expire_at = expire_at}
        if #day[5] > 0 then
            sums[key.day_types:format(text)] = {fields = day[5], amounts = day[6], expire_at = expire_at}
        end
        if #day[7] > 0 then
            add_to_week(text, day[7], day[8])
            names[key.day_addresses:format(text)] = {names = day[7], amounts = day[8], expire_at = expire_at}
        end
        if #day[9] > 0 then
            names[key.day_users:format(text)] = {names = day[9], amounts = day[10], expire_at = expire_at}
        end
    end
    if #rule_ids > 0 then
        sums[key.rule_hits] = {fields = rule_ids, amounts = rule_hits, fields_max = RULES_COUNTED_MAX}
    end
end

-- 3. What the sums are added to ----------------------------------------------------------------------

local function add_names()
    for set, sum in pairs(names) do
        local new = 0
        for from = 1, #sum.names, FIELDS_AT_ONCE do
            local to = min(from + FIELDS_AT_ONCE - 1, #sum.names)
            local scores = call('ZMSCORE', set, unpack(sum.names, from, to))
            for i = from, to do
                local score = scores[i - from + 1]
                if score then
                    sum.amounts[i] = sum.amounts[i] + tonumber(score)
                else
                    new = new + 1
                end
            end
        end
        local before = call('ZCARD', set)
        sum.is_new = before == 0
        sum.evicted = max(0, before + new - (sum.most or names_max))
        if sum.evicted > 0 then add(key.ledger, 'names_evicted', sum.evicted) end
    end
end

local function add_sums()
    for hash, sum in pairs(sums) do
        local room = sum.fields_max and sum.fields_max - call('HLEN', hash) or 0
        for from = 1, #sum.fields, FIELDS_AT_ONCE do
            local to = min(from + FIELDS_AT_ONCE - 1, #sum.fields)
            local values = call('HMGET', hash, unpack(sum.fields, from, to))
            for i = from, to do
                local value = values[i - from + 1]
                if value then
                    sum.amounts[i] = sum.amounts[i] + tonumber(value)
                elseif sum.fields_max then
                    room = room - 1
                    if room < 0 then sum.amounts[i] = false end
                end
            end
            if from == 1 then sum.is_new = not values[1] end
        end
    end
    -- The first field of the ledger is no sum: how many events the producer had accepted up to this batch.
    if lane then ledger_amounts[1] = max(ledger_amounts[1], accepted) end
    if #quarantined > 0 then call('XLEN', key.quarantine) end
end

-- 4. Writing -----------------------------------------------------------------------------------------

local function write_floor()
    if seq > floor then call('SETBIT', page_of(seq), seq % PAGE_BITS, 1) end
    if not known or floor_after > stored_floor then call('HSET', key.floors, lane, floor_after) end
    local pages = floor_of(floor_after / PAGE_BITS) - floor_of(stored_floor / PAGE_BITS)
    for page = 0, min(pages - 1, AHEAD_MAX / PAGE_BITS) do
        call('DEL', page_of(stored_floor + page * PAGE_BITS))
    end
end

local function write_sums()
    for hash, sum in pairs(sums) do
        for from = 1, #sum.fields, FIELDS_AT_ONCE do
            local changes = {}
            for i = from, min(from + FIELDS_AT_ONCE - 1, #sum.fields) do
                if sum.amounts[i] then
                    insert(changes, sum.fields[i])
                    insert(changes, sum.amounts[i])
                end
            end
            if #changes > 0 then call('HSET', hash, unpack(changes)) end
            if #changes > 0 and hash == key.rule_hits then
                for i = 2, #changes, 2 do changes[i] = now_ms end
                call('HSET', key.rule_last_hit, unpack(changes))
            end
        end
        if sum.is_new and sum.expire_at then call('EXPIREAT', hash, sum.expire_at) end
    end
end

local function write_names()
    for set, sum in pairs(names) do
        local members = {}
        for i, name in ipairs(sum.names) do
            insert(members, sum.amounts[i])
            insert(members, name)
        end
        each_part(members, 'ZADD', set)
        if sum.evicted > 0 then call('ZREMRANGEBYRANK', set, 0, sum.evicted - 1) end
        if sum.is_new then call('EXPIREAT', set, sum.expire_at) end
    end
end

local function commit(batch, limits)
    begin(batch, limits)
    local answer = find_place()
    if answer then return answer end
    sum_days()

    local spans, correlated = {}, nil
    if contributions or not lane then
        correlated = correlate(contributions, {
            add = add, add_to_week = add_to_week, names = names, sums = sums, days = days, threats = threats,
            spans = spans, rules = rules, now_ms = now_ms, groups_max = correlation_groups_max,
            kept_days = statistics_days, publisher = publisher, rules_counted_max = RULES_COUNTED_MAX,
            batch_name = lane and ('%s-%d'):format(lane, seq)})
    end
    local has_threats = #threats[1] > 0
    local commit = has_threats and {
        add = add, sums = sums, days = days, threats = threats, spans = spans, correlated = correlated, rules = rules,
        now_ms = now_ms, window_ms = window_ms, lateness_ms = lateness_ms, incidents_max = incidents_max,
        threats_kept = threats_kept, publisher = publisher, seq_known = seq_known}
    local answers, publisher_seq, correlated_answers
    if has_threats then answers, publisher_seq, correlated_answers = threats_into.take(commit) end
    add_names()
    add_sums()

    if correlated then correlated.write() end
    write_floor()
    write_sums()
    for _, event in ipairs(quarantined) do
        call('XADD', key.quarantine, 'MAXLEN', '~', QUARANTINE_KEPT, '*', 'id', event[1], 'bytes', event[2])
    end
    write_names()
    if not has_threats then return {'ok', floor_after} end
    threats_into.write(commit)
    return {'ok', floor_after, publisher_seq, answers, correlated_answers}
end

-- One batch after the other; an error of one is its answer, and stops no other.
return function(arguments)
    local limits, answers = cmsgpack.unpack(arguments[1]), {}
    for i = 2, #arguments do
        local is_done, answer = pcall(commit, cmsgpack.unpack(arguments[i]), limits)
        if not is_done and type(answer) ~= 'table' then answer = {err = 'ERR ' .. tostring(answer)} end
        answers[i - 1] = answer
    end
    return answers
end
