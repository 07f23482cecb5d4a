//! One bot's wire: what goes in comes out, and every refusal has its class.

use super::{Scene, document, kind, noise, range, read_all};
use crate::telegram::bot_api::{Content, Document, Rights};
use crate::telegram::error::Kind;
use crate::telegram::id::{ChatId, FileId, MessageId};
use std::time::Duration;
use telegram_sim::{Ranges, Settings, Standing};

#[tokio::test]
async fn a_bot_knows_itself_its_channel_and_its_rights() {
    let scene = Scene::bots(1);
    let (api, bot, twin) = (scene.api(0), scene.bot(0), scene.twin(0));
    let me = api.me().await.unwrap();
    assert_eq!((me.id, me.username), (bot.id, twin.username));
    let chat = api.chat(bot.channel).await.unwrap();
    assert_eq!((chat.id, chat.kind.as_str()), (bot.channel, "channel"));
    let all = Rights { is_member: true, can_post: true, can_delete: true };
    assert_eq!(api.member(bot.channel).await.unwrap(), all);
    scene.sim.world().set_standing(twin.channel, twin.id, Standing::Member).unwrap();
    assert_eq!(api.member(bot.channel).await.unwrap(), Rights { can_post: false, can_delete: false, ..all });
}

#[tokio::test]
async fn a_file_goes_in_as_it_is_and_any_range_of_it_comes_out() {
    let scene = Scene::bots(1);
    let (api, bot) = (scene.api(0), scene.bot(0));
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = (folder.path().join("pack"), noise(3_000_001));
    std::fs::write(&path, &bytes).unwrap();
    let len = 2_500_000;
    let content = Content::File { path, len: len as u64 };
    let file = Document { name: "p.bin".into(), caption: "words \"and\" ümlauts".into(), content };

    let sent = api.send_document(bot.channel, file).await.unwrap();

    let stored = &scene.sim.world().messages(scene.twin(0).channel)[0];
    let held = stored.document.as_ref().unwrap();
    assert_eq!((sent.message.0, sent.date.0), (stored.id.0, stored.date * 1000));
    assert_eq!((sent.len, held.blake3.as_str()), (Some(len as u64), blake3::hash(&bytes[..len]).to_hex().as_str()));
    assert_eq!((held.name.as_str(), held.mime.as_str()), ("p.bin", "application/octet-stream"));
    assert_eq!(stored.caption.as_deref(), Some("words \"and\" ümlauts"));
    assert_eq!(sent.caption, stored.caption);
    for (start, end) in [(0, 1), (0, len), (1, 700_000), (len - 1, len), (262_144, 524_288)] {
        let download = api.download(&sent.file, range(start, end)).await.unwrap();
        assert_eq!(download.is_whole(), end - start == len);
        assert_eq!(read_all(download.into_range()).await.unwrap(), bytes[start..end], "{start}..{end}");
    }
}

#[tokio::test]
async fn a_server_without_ranges_is_cut_and_what_was_not_asked_for_is_there() {
    let scene = Scene::with(Settings { ranges: Ranges::Ignored, ..Settings::bots(1) }, |_| {});
    let (api, bytes) = (scene.api(0), noise(1_000_000));
    let sent = api.send_document(scene.bot(0).channel, document(bytes.clone())).await.unwrap();
    for (start, end) in [(0, 10), (300_000, 900_000), (999_999, 1_000_000), (0, 1_000_000)] {
        let download = api.download(&sent.file, range(start, end)).await.unwrap();
        assert!(download.is_whole());
        assert_eq!(read_all(download.into_range()).await.unwrap(), bytes[start..end], "{start}..{end}");
    }
    let download = api.download(&sent.file, range(300_000, 300_001)).await.unwrap();
    assert_eq!(read_all(download.into_body()).await.unwrap(), bytes);
    assert_eq!(kind(&api.download(&sent.file, range(0, 1_000_001)).await.map(drop)), Some(Kind::Truncated));
}

#[tokio::test]
async fn a_link_is_asked_for_once_and_again_when_it_has_expired() {
    let scene = Scene::bots(1);
    let (api, bytes) = (scene.api(0), noise(1000));
    let sent = api.send_document(scene.bot(0).channel, document(bytes.clone())).await.unwrap();
    assert!(!api.knows_link(&sent.file));
    for (advance, asked) in [(0, 1), (3599, 1), (2, 2), (0, 2)] {
        scene.sim.world().advance(Duration::from_secs(advance)).unwrap();
        let download = api.download(&sent.file, range(0, 1000)).await.unwrap();
        assert_eq!(read_all(download.into_range()).await.unwrap(), bytes);
        assert_eq!(scene.requests(0, "getFile"), asked);
        assert!(api.knows_link(&sent.file));
    }
    let stored = scene.sim.world().messages(scene.twin(0).channel)[0].id;
    scene.sim.world().lose_message(scene.twin(0).channel, stored).unwrap();
    assert_eq!(kind(&api.download(&sent.file, range(0, 1)).await.map(drop)), Some(Kind::WrongFile));
    assert!(!api.knows_link(&sent.file));
}

#[tokio::test]
async fn a_link_older_than_its_life_is_not_used() {
    let scene = Scene::with(Settings::bots(1), |settings| settings.api.link_life = Duration::ZERO);
    let api = scene.api(0);
    let sent = api.send_document(scene.bot(0).channel, document(noise(10))).await.unwrap();
    for asked in 1..3 {
        api.download(&sent.file, range(0, 10)).await.unwrap();
        assert_eq!(scene.requests(0, "getFile"), asked);
    }
}

#[tokio::test]
async fn every_refusal_of_the_service_has_its_class() {
    let mut settings = Settings::bots(2);
    (settings.limits.upload_bytes, settings.limits.download_bytes) = (300_000, 200_000);
    let scene = Scene::with(settings, |_| {});
    let (api, own, other) = (scene.api(0), scene.bot(0).channel, scene.bot(1).channel);
    let sent = api.send_document(own, document(noise(100))).await.unwrap();
    let foreign = scene.api(1).send_document(other, document(noise(100))).await.unwrap();
    let nowhere = ChatId(-1_009_999_999_999);
    assert_eq!(kind(&api.chat(nowhere).await), Some(Kind::ChatNotFound));
    assert_eq!(kind(&api.member(other).await), Some(Kind::Forbidden));
    for (chat, len, expected) in [
        (nowhere, 10, Kind::ChatNotFound),
        (other, 10, Kind::Forbidden),
        (own, 300_001, Kind::FileTooBig),
        (own, 0, Kind::LocalFile),
    ] {
        let error = api.send_document(chat, document(noise(len))).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_been_sent()), (expected, false), "{error}");
    }
    let long = Document { caption: "x".repeat(1025), ..document(noise(1)) };
    assert_eq!(kind(&api.send_document(own, long).await), Some(Kind::BadRequest));
    let big = api.send_document(own, document(noise(250_000))).await.unwrap();
    for (file, end, expected) in [
        (&foreign.file, 1, Kind::WrongFile),
        (&FileId("nonsense".into()), 1, Kind::WrongFile),
        (&sent.file, 101, Kind::Truncated),
        (&big.file, 1, Kind::FileTooBig),
    ] {
        let answer = match api.download(file, range(0, end)).await {
            Ok(download) => read_all(download.into_range()).await.map(drop),
            Err(error) => Err(error),
        };
        assert_eq!(kind(&answer), Some(expected));
    }
    let beyond = api.download(&sent.file, range(100, 101)).await.map(drop);
    assert_eq!(kind(&beyond), Some(Kind::Truncated));
    assert_eq!(kind(&api.forward(own, MessageId(99), own).await), Some(Kind::MessageGone));
    assert_eq!(kind(&api.forward(other, foreign.message, own).await), Some(Kind::Forbidden));
    scene.sim.world().revoke(scene.twin(0).id).unwrap();
    assert_eq!(kind(&api.me().await), Some(Kind::Unauthorized));
    assert_eq!(kind(&api.download(&sent.file, range(0, 1)).await.map(drop)), Some(Kind::Unauthorized));
}

#[tokio::test]
async fn a_forwarded_document_is_readable_by_the_bot_that_forwarded_it() {
    let scene = Scene::with(Settings::bots(2).everywhere(), |_| {});
    let (own, other) = (scene.bot(0).channel, scene.bot(1).channel);
    let bytes = noise(5000);
    let sent = scene.api(0).send_document(own, document(bytes.clone())).await.unwrap();
    let api = scene.api(1);
    let copy = api.forward(own, sent.message, other).await.unwrap();
    assert_eq!((copy.unique_id == sent.unique_id, copy.file == sent.file), (true, false));
    assert_eq!((copy.len, copy.caption), (Some(5000), sent.caption));
    let download = api.download(&copy.file, range(0, 5000)).await.unwrap();
    assert_eq!(read_all(download.into_range()).await.unwrap(), bytes);
}

#[tokio::test]
async fn messages_are_deleted_by_the_hundred_and_what_is_gone_counts_as_deleted() {
    let scene = Scene::bots(1);
    let (api, channel) = (scene.api(0), scene.bot(0).channel);
    let mut ids = Vec::new();
    for _ in 0..201 {
        ids.push(api.send_document(channel, document(noise(1))).await.unwrap().message);
    }
    ids.push(MessageId(5000));
    ids.push(ids[0]);
    assert_eq!(api.delete(channel, &ids).await.unwrap(), []);
    assert_eq!(api.delete(channel, &ids[..3]).await.unwrap(), []);
    assert_eq!(api.delete(channel, &[]).await.unwrap(), []);
    assert_eq!(scene.sim.world().messages(scene.twin(0).channel).len(), 0);
    assert_eq!(scene.requests(0, "deleteMessages"), 4);
}

#[tokio::test]
async fn what_is_too_old_to_be_deleted_is_told_and_the_rest_is_deleted() {
    let scene = Scene::bots(1);
    let (api, channel) = (scene.api(0), scene.bot(0).channel);
    let send = async || api.send_document(channel, document(noise(1))).await.unwrap().message;
    let mut ids = Vec::new();
    for _ in 0..37 {
        ids.push(send().await);
    }
    scene.sim.world().advance(Duration::from_secs(49 * 3600)).unwrap();
    for _ in 0..20 {
        ids.push(send().await);
    }
    let left = api.delete(channel, &ids).await.unwrap();
    assert_eq!(left, ids[..37]);
    assert_eq!(scene.sim.world().messages(scene.twin(0).channel).len(), 37);
    let asked = scene.requests(0, "deleteMessages");
    assert!(asked <= 8, "{asked} requests");
    assert_eq!(api.delete(channel, &ids[3..4]).await.unwrap(), ids[3..4]);
}
