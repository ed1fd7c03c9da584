#!/usr/bin/python3
"""Prints every threat of a Mini-SIEM as one line of JSON, and misses none.

usage: subscriber.py ENDPOINT[,ENDPOINT...] REDIS_URL [TOPIC_PREFIX]
 e.g.: subscriber.py tcp://127.0.0.1:5560 unix:///run/siem/redis.sock threat.critical

Live messages are numbered without gaps per publisher. On a gap, a heartbeat that is ahead, a publisher
never seen or one gone silent, what was missed is read from the stream in Redis, where every threat
stands before it is published. Needs python3-zmq, python3-msgpack and python3-redis.
"""
import json, sys, time

if len(sys.argv) not in (3, 4) or sys.argv[1].startswith("-"):
    sys.exit(__doc__)
import msgpack, redis, zmq

STREAM = "siem:{0}:threats"
endpoints, redis_url, prefix = (sys.argv[1:] + ["threat."])[:3]
store = redis.from_url(redis_url, socket_timeout=5)
position = None  # the last entry of the stream that was read
seen = {}        # publisher -> the last sequence number dealt with
heard = {}       # publisher -> when it was last heard


def show(topic, publisher, seq, body):
    if publisher in seen and seq > seen[publisher] + 1:
        print(f"{publisher}: {seq - seen[publisher] - 1} lost for good", file=sys.stderr)
    seen[publisher] = seq
    threat = msgpack.unpackb(body)
    if threat["version"] == 1 and topic.startswith(prefix):
        print(json.dumps({"topic": topic, **threat}), flush=True)


def catch_up():
    global position
    while entries := store.xrange(STREAM, min=b"(" + position, count=1000):
        for position, fields in entries:
            publisher, seq = fields[b"publisher"].decode(), int(fields[b"seq"])
            if seq > seen.get(publisher, 0):
                show(fields[b"topic"].decode(), publisher, seq, fields[b"body"])


def on_message(topic, body):
    message = msgpack.unpackb(body)
    publisher, seq = message["publisher"], message["seq"]
    heard[publisher] = time.monotonic()
    expected = seen.get(publisher, 0) + (topic != "heartbeat")
    if seq > expected or publisher not in seen:
        catch_up()
    if topic == "heartbeat":
        seen[publisher] = max(seq, seen.get(publisher, 0))  # what is older than our start is not ours
    elif seq > seen.get(publisher, 0):
        show(topic, publisher, seq, body)


socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.SUBSCRIBE, b"threat.")  # all of them: the numbers run over all topics
socket.setsockopt(zmq.SUBSCRIBE, b"heartbeat")
for endpoint in endpoints.split(","):
    socket.connect(endpoint)
while True:
    try:
        if position is None:
            position = (store.xrevrange(STREAM, count=1) or [(b"0-0", {})])[0][0]
        if socket.poll(1000):
            topic, body = socket.recv_multipart()
            on_message(topic.decode(), body)
        for publisher in [name for name, when in heard.items() if time.monotonic() - when > 3]:
            catch_up()  # it may have died between storing and publishing
            del heard[publisher]
    except KeyboardInterrupt:
        break
    except redis.RedisError as error:  # nothing is lost: the next heartbeat asks again
        print(f"redis: {error}", file=sys.stderr)
        time.sleep(1)
