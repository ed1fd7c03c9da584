-- commit_incidents.lua: the threats of a batch, each into its incident, for commit.lua.
--
-- take(commit) reads and computes, write() writes. What is stored of an incident never depends on the order
-- in which threats arrive, ids, revisions and alerts aside. begin(limits) starts a call; incidents and their
-- episodes are read when the first batch meets them and written once, by finish(), with what else the batches of
-- the call list together. After a batch that failed undo() puts them back to what the one before it left.
--
-- commit   of commit.lua: the batch, what is summed up, and correlated, what correlations came to, with the
--          threats they added
-- answer   of take(): {index, incident id, 1 when an alert was queued, topic, body, ...}, the last seq of the
--          publisher, and what to tell of correlated events
--
-- Before this text commit_script.c puts its modules: present (incident_present.lua), rule_lists (incident_rules.lua),
-- store (incident_store.lua), joining (incident_joining.lua), episodes (incident_episodes.lua), indices
-- (incident_indices.lua), alerts (incident_alerts.lua), messages (incident_messages.lua).

local insert, ipairs = table.insert, ipairs

-- Of each threat: the incident it joined, what it did to it ("opened", "escalated", "repeated"), whether an alert
-- was queued, and how the incident stood afterwards.
local outcomes

local function begin(limits)
    present.begin_call(limits)
    for _, module in ipairs({store, episodes, alerts, messages}) do module.begin_call() end
end

local function begin_batch(commit)
    outcomes = {joined = {}, changes = {}, queued = {}, severity_after = {}, count_after = {}}
    present.begin_batch(commit)
    for _, module in ipairs({rule_lists, store, episodes, indices, alerts, messages}) do module.begin_batch() end
end

local function undo()
    store.undo()
    episodes.undo()
    alerts.begin_call() -- they are counted again
end

local function join()
    for threat = 1, #present.indices do
        local incident, is_new = episodes.find_or_open(threat)
        local before, change = incident.severity, 'repeated'
        joining.absorb(incident, threat)
        if is_new then
            change = 'opened'
        elseif incident.severity ~= before then
            change = 'escalated'
            insert(incident.news, 'severity ' .. before .. ' to ' .. incident.severity)
        end
        outcomes.queued[threat] = change ~= 'repeated' and alerts.queue(change, incident, threat)
        outcomes.joined[threat], outcomes.changes[threat] = incident, change
        outcomes.severity_after[threat], outcomes.count_after[threat] = incident.severity, incident.detection_count
    end
end

-- A threat that only repeats moves the count and the times, and is no revision: an analyst who read the
-- incident may still change it (If-Match), and the audit trail keeps what matters.
local function revise()
    for _, incident in ipairs(store.list_touched()) do
        local was = incident.was
        if was.rules and incident.rules ~= was.rules then insert(incident.news, 'rules') end
        if #incident.news > 0 then
            incident.revision = incident.revision + 1
            store.meet_audit()
        end
        if incident.first_seen ~= was.first_seen then incident.timestamp = incident.first_seen end
        if incident.threats > 0 then
            if incident.source_ip ~= was.source_ip or incident.affected_user ~= was.affected_user or
                incident.rules ~= was.rules then
                incident.title = joining.title_of(incident, incident.threat)
            end
        end
        indices.move(incident)
    end
end

local function incident_of(threat)
    return store.stands_for(outcomes.joined[threat])
end

local function take(commit)
    begin_batch(commit)
    join()
    revise()
    indices.make_room()
    local answers, publisher_seq = messages.compose(outcomes, commit.seq_known)
    messages.list_for_reports()
    alerts.prepare()
    local correlated = present.correlated
    return answers, publisher_seq, correlated and correlated.answers(incident_of, outcomes.queued) or {}
end

local function write()
    store.settle_all()
    episodes.settle()
    indices.write()
    store.write_numbers()
    alerts.write()
    messages.write()
end

local function finish()
    store.finish()
    episodes.finish()
    messages.finish()
end

return {begin = begin, take = take, write = write, undo = undo, finish = finish, last_seq = messages.last_seq}
