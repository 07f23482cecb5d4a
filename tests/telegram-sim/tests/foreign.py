"""python-telegram-bot, as it is, against the simulator.

Takes one argument, a JSON object: {"url": ..., "bots": [{"token": ..., "id": ..., "channel": ...}, ...]}.
Bot 2 is an administrator of bot 1's channel, too. The limits are the defaults.
Says each fact that held; the first one that does not ends the run.
"""

import asyncio
import json
import random
import sys
import urllib.request
from datetime import timedelta

from telegram import Bot, ChatMemberAdministrator, MessageOriginChannel
from telegram.constants import FileSizeLimit
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter
from telegram.request import HTTPXRequest

WORLD = json.loads(sys.argv[1])
URL = WORLD["url"]
PATIENT = {"read_timeout": 120, "write_timeout": 120, "connect_timeout": 60, "pool_timeout": 60}


def bot(token):
    request = HTTPXRequest(media_write_timeout=120, **PATIENT)
    return Bot(token, base_url=f"{URL}/bot", base_file_url=f"{URL}/file/bot", request=request)


def control(path, **body):
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{URL}/sim/{path}", json.dumps(body).encode(), headers)
    assert json.load(urllib.request.urlopen(request)) == {"ok": True}


async def refused(kind, word, call):
    """The exception of a call that must be refused in just this way."""
    try:
        result = await call
    except NetworkError as error:
        assert type(error) is kind and word in str(error), repr(error)
        return error
    except (Forbidden, InvalidToken, RetryAfter) as error:
        assert type(error) is kind and word in str(error), repr(error)
        return error
    raise AssertionError(f"not refused: {result}")


async def knows_itself_and_its_channel(one, own):
    me = await one.get_me()
    assert me.is_bot and me.id == own["id"] and me.username == "simulated_1_bot", me
    chat = await one.get_chat(own["channel"])
    assert (chat.id, chat.type, chat.pinned_message) == (own["channel"], "channel", None), chat
    member = await one.get_chat_member(own["channel"], own["id"])
    assert isinstance(member, ChatMemberAdministrator), member
    assert member.can_post_messages and member.can_delete_messages and member.user.id == own["id"], member


async def sends_and_reads_back(one, own):
    data = random.Random(1).randbytes(3_000_000)
    message = await one.send_document(
        own["channel"],
        data,
        caption="telecine/1 …",
        filename="pack.bin",
        disable_content_type_detection=True,
        disable_notification=True,
    )
    document = message.document
    assert (document.file_size, document.file_name) == (len(data), "pack.bin"), document
    assert (message.caption, message.sender_chat.id) == ("telecine/1 …", own["channel"]), message
    file = await one.get_file(document.file_id)
    assert (file.file_size, file.file_unique_id) == (len(data), document.file_unique_id), file
    assert await file.download_as_bytearray() == data
    return message, data


async def shares_by_forwarding(two, own, other, message, data):
    await refused(BadRequest, "Wrong file_id", two.get_file(message.document.file_id))
    forwarded = await two.forward_message(other["channel"], own["channel"], message.message_id)
    origin = forwarded.forward_origin
    assert isinstance(origin, MessageOriginChannel), forwarded
    assert (origin.chat.id, origin.message_id) == (own["channel"], message.message_id), origin
    assert forwarded.document.file_unique_id == message.document.file_unique_id
    file = await two.get_file(forwarded.document.file_id)
    assert await file.download_as_bytearray() == data
    copied = await two.copy_message(other["channel"], own["channel"], message.message_id)
    assert copied.message_id > forwarded.message_id


async def pins_edits_and_deletes(one, own, message):
    assert await one.pin_chat_message(own["channel"], message.message_id)
    chat = await one.get_chat(own["channel"])
    assert chat.pinned_message.document.file_id == message.document.file_id, chat
    edited = await one.edit_message_caption(own["channel"], message.message_id, caption="new")
    assert edited.caption == "new", edited
    assert await one.unpin_chat_message(own["channel"])
    assert await one.delete_message(own["channel"], message.message_id)
    gone = one.delete_message(own["channel"], message.message_id)
    await refused(BadRequest, "Message to delete not found", gone)
    assert await one.delete_messages(own["channel"], [message.message_id, 9999])


async def is_refused_where_it_should_be(one, own, foreign):
    await refused(Forbidden, "not a member of the channel", one.get_chat(foreign["channel"]))
    await refused(Forbidden, "not a member of the channel", one.send_document(foreign["channel"], b"x"))
    await refused(BadRequest, "Chat not found", one.get_chat(-1009999999999))
    await refused(BadRequest, "caption is too long", one.send_document(own["channel"], b"x", caption="x" * 1025))
    wrong = bot(f"{own['id']}:{'x' * 35}")
    async with wrong.request:
        await refused(InvalidToken, "", wrong.get_me())


async def is_refused_what_is_too_big(one, own):
    download, upload = int(FileSizeLimit.FILESIZE_DOWNLOAD), int(FileSizeLimit.FILESIZE_UPLOAD)
    message = await one.send_document(own["channel"], bytes(20 * 1024 * 1024 + 1))
    assert message.document.file_size > download
    await refused(BadRequest, "File is too big", one.get_file(message.document.file_id))
    huge = bytes(50 * 1024 * 1024 + 1)
    assert len(huge) > upload
    await refused(NetworkError, "Entity Too Large", one.send_document(own["channel"], huge))


async def is_told_how_long_to_wait(one, own):
    control("fault", bot=1, operation="send", trouble={"flood": {"seconds": 600}}, times=1)
    error = await refused(RetryAfter, "600", one.send_document(own["channel"], b"x"))
    wait = error._retry_after
    assert wait == timedelta(seconds=600), wait
    control("advance", seconds=600)
    await one.send_document(own["channel"], b"x")


async def main():
    own, other, foreign = WORLD["bots"]
    one, two = bot(own["token"]), bot(other["token"])
    async with one, two:
        await knows_itself_and_its_channel(one, own)
        message, data = await sends_and_reads_back(one, own)
        await shares_by_forwarding(two, own, other, message, data)
        await pins_edits_and_deletes(one, own, message)
        await is_refused_where_it_should_be(one, own, foreign)
        await is_refused_what_is_too_big(one, own)
        await is_told_how_long_to_wait(one, own)
    print("every fact held")


asyncio.run(main())
