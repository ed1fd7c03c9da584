-- incident_present.lua: what the modules of commit_incidents.lua know of the present call and the present batch.
--
-- Of the call: publisher, window_ms, lateness_ms, incidents_max, threats_kept. Of the batch: add, sums, days, rules,
-- now_ms, spans (of threats that correlations add: when it was first so, and the last time) and correlated, as
-- commit.lua has them; and its threats. A threat is a place in columns of the names below; false: absent.

local present = {}

function present.begin_call(limits)
    for name, value in pairs(limits) do present[name] = value end
end

function present.begin_batch(commit)
    present.add, present.sums, present.days, present.rules = commit.add, commit.sums, commit.days, commit.rules
    present.now_ms, present.spans, present.correlated = commit.now_ms, commit.spans, commit.correlated
    present.indices, present.times, present.counts, present.severities, present.types, present.hashes,
        present.details, present.addresses, present.users, present.titles, present.title_names,
        present.rule_lists, present.threat_days, present.event_ids, present.topics, present.heads =
        unpack(commit.threats, 1, 16)
end

return present
