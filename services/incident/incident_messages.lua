-- incident_messages.lua: what is told of the threats: their messages on THREATS, numbered by publisher and kept in a
-- stream, and what reports list of them: the timeline, and the gravest of each day.

local call, pack = redis.call, cmsgpack.pack
local min, max, insert = math.min, math.max, table.insert
local ipairs, pairs, tonumber = ipairs, pairs, tonumber

local COUNT_SCALE = 1099511627776 -- 2^40: above any count
local TIMELINE_KEPT = 10000     -- newest threats, and so many more before the oldest go together
local TIMELINE_SLACK = 64
local TOP_THREATS = 10          -- gravest threats of a day
local PUBLISHER_KEPT_S = 86400

-- Of the present call.
local seq_written, wrote_seq    -- the publisher's last, as it is now; true: it has changed
local held_threats, held_timeline -- how many Redis holds; nil: not asked
local timeline                  -- scores and members
local tops                      -- by set: the same, and up to where they reach

-- Of the present batch.
local answers, publisher_seq
local listed                    -- scores and members for the timeline
local topped                    -- sets, scores and members for the gravest of a day

local function begin_call()
    seq_written, wrote_seq, timeline, tops = nil, false, {}, {}
    held_threats, held_timeline = nil, nil
end

local function begin_batch()
    answers, publisher_seq, listed, topped = {}, nil, {}, {}
end

-- The last seq of the publisher; seq_known: what it knows of itself.
local function last_seq(seq_known)
    seq_written = seq_written or tonumber(call('GET', key.publisher:format(present.publisher)) or 0)
    return max(seq_written, seq_known)
end

local SEQ, INCIDENT, COUNT = pack('seq'), pack('incident_id'), pack('detection_count')
local packed_change, packed_severity = {}, {}
for _, change in ipairs({'opened', 'escalated', 'repeated'}) do
    packed_change[change] = pack('change', change)
end
for severity in pairs(severity_rank) do
    packed_severity[severity] = pack('incident_severity', severity)
end
local packed_queued = {[true] = pack('alert_queued', true), [false] = pack('alert_queued', false)}

-- A threat's message: a map whose head and first pairs are known before the commit; these follow. `outcomes`
-- of join(), commit_incidents.lua.
local function compose(outcomes, seq_known)
    local joined, changes, queued = outcomes.joined, outcomes.changes, outcomes.queued
    local severity_after, count_after = outcomes.severity_after, outcomes.count_after
    local indices, heads, topics, correlated = present.indices, present.heads, present.topics, present.correlated
    local n = 0
    publisher_seq = last_seq(seq_known)
    for threat = 1, #indices do
        local incident = store.stands_for(joined[threat])
        local head = heads[threat] or correlated.head(threat)
        publisher_seq = publisher_seq + 1
        incident.packed_id = incident.packed_id or INCIDENT .. pack(incident.id)
        answers[n + 1], answers[n + 2] = indices[threat], incident.id
        answers[n + 3], answers[n + 4] = queued[threat] and 1 or 0, topics[threat]
        answers[n + 5] = head .. packed_change[changes[threat]] ..
            packed_severity[severity_after[threat]] .. packed_queued[queued[threat]] ..
            incident.packed_id .. SEQ .. pack(publisher_seq) .. COUNT .. pack(count_after[threat])
        n = n + 5
    end
    return answers, publisher_seq
end

-- What the reports list of a threat is its message, behind its time and its id: so equal scores stand
-- in the order of time whatever came first.
local function member_of(threat)
    return ('%015d %s '):format(present.times[threat], present.event_ids[threat]) .. answers[5 * threat]
end

-- The gravest threats of a day: what those of this call are put to, and the place of the last member that
-- stays, its score and its time.
local function top_of(day)
    local set = key.day_top_threats:format(day[1])
    if not tops[set] then
        local last = call('ZRANGE', set, TOP_THREATS - 1, TOP_THREATS - 1, 'WITHSCORES')
        tops[set] = {expire_at = day[2], score = tonumber(last[2] or 'inf'),
                     time = last[1] and tonumber(last[1]:sub(1, 15)) or 0}
    end
    return tops[set]
end

local function list_for_reports()
    held_threats = held_threats or call('XLEN', key.threats)
    held_timeline = held_timeline or call('ZCARD', key.timeline)
    local times, counts, severities = present.times, present.counts, present.severities
    local n, m = 0, 0
    for threat = 1, #present.indices do
        local top = top_of(present.days[present.threat_days[threat]])
        local score = -severity_rank[severities[threat]] * COUNT_SCALE - min(counts[threat], COUNT_SCALE - 1)
        local member = member_of(threat)
        listed[n + 1], listed[n + 2] = times[threat], member
        n = n + 2
        if score < top.score or (score == top.score and times[threat] <= top.time) then
            topped[m + 1], topped[m + 2], topped[m + 3] = top, score, member
            m = m + 3
        end
    end
end

local function write()
    local seq = publisher_seq - #present.indices
    for i = 5, #answers, 5 do
        seq = seq + 1
        call('XADD', key.threats, '*', 'publisher', present.publisher, 'seq', seq, 'topic', answers[i - 1],
             'body', answers[i])
    end
    held_threats = held_threats + #present.indices
    seq_written, wrote_seq = publisher_seq, true
    local n = #timeline
    for i = 1, #listed do timeline[n + i] = listed[i] end
    for i = 1, #topped, 3 do
        insert(topped[i], topped[i + 1])
        insert(topped[i], topped[i + 2])
    end
end

local function finish()
    if not wrote_seq then return end
    call('SET', key.publisher:format(present.publisher), seq_written, 'EX', PUBLISHER_KEPT_S)
    if held_threats > present.threats_kept then
        call('XTRIM', key.threats, 'MAXLEN', '~', present.threats_kept)
    end
    each_part(timeline, 'ZADD', key.timeline)
    if held_timeline + #timeline / 2 > TIMELINE_KEPT + TIMELINE_SLACK then
        call('ZREMRANGEBYRANK', key.timeline, 0, -1 - TIMELINE_KEPT)
    end
    for set, top in pairs(tops) do
        if #top > 0 then
            each_part(top, 'ZADD', set)
            call('ZREMRANGEBYRANK', set, TOP_THREATS, -1)
            call('EXPIREAT', set, top.expire_at)
        end
    end
end

return {begin_call = begin_call, begin_batch = begin_batch, last_seq = last_seq, compose = compose,
        list_for_reports = list_for_reports, write = write, finish = finish}
