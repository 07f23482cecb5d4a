//! What is known of a message after its sending failed.

use super::{Scene, document, noise};
use crate::telegram::bot_api::{Content, Document};
use crate::telegram::error::Kind;
use std::time::Duration;
use telegram_sim::{Fault, Operation, Settings, Trouble};

/// Deadlines short enough to wait for, and long enough for everything that answers.
const DEADLINE: Duration = Duration::from_secs(3);

fn scene() -> Scene {
    Scene::with(Settings::bots(1).everywhere(), |settings| {
        settings.api.upload_answer = DEADLINE;
        settings.api.stall = DEADLINE;
        settings.api.call = DEADLINE;
    })
}

#[tokio::test]
async fn only_what_was_sent_whole_and_not_answered_may_be_there() {
    let scene = scene();
    let (api, bot) = (scene.api(0), scene.bot(0));
    for (trouble, kind, unknown, there) in [
        (Trouble::LoseAnswer, Kind::Unreachable, true, 1),
        (Trouble::Hang, Kind::Unreachable, true, 0),
        (Trouble::Status { code: 500 }, Kind::ServerFault, true, 0),
        (Trouble::Status { code: 502 }, Kind::ServerFault, true, 0),
        (Trouble::Flood { seconds: 600 }, Kind::Flooded, false, 0),
        (Trouble::Unauthorized, Kind::Unauthorized, false, 0),
        (Trouble::Forbidden, Kind::Forbidden, false, 0),
    ] {
        for operation in [Operation::Send, Operation::Forward] {
            let sent = api.send_document(bot.channel, document(noise(10))).await.unwrap();
            let world = scene.sim.world();
            let before = world.messages(scene.twin(0).channel).len();
            world.fault(scene.twin(0).id, Fault::once(operation, trouble.clone()));
            let answer = match operation {
                Operation::Send => api.send_document(bot.channel, document(noise(400_000))).await,
                _ => api.forward(bot.channel, sent.message, bot.channel).await,
            };
            let error = answer.unwrap_err();
            assert_eq!((error.kind, error.may_have_been_sent()), (kind, unknown), "{operation:?} {trouble:?}: {error}");
            let after = world.messages(scene.twin(0).channel).len();
            assert_eq!(after - before, there, "{operation:?} {trouble:?}");
            world.clear_faults(scene.twin(0).id);
        }
    }
}

#[tokio::test]
async fn a_body_that_never_ended_is_no_message() {
    let scene = scene();
    let (api, bot) = (scene.api(0), scene.bot(0));
    // More than all the buffers on the way hold, so that some of it is still here.
    let content = Content::Bytes(noise(1));
    for trouble in [Trouble::Reset, Trouble::Slow { bytes_per_second: 1 }] {
        scene.sim.world().fault(scene.twin(0).id, Fault::once(Operation::Send, trouble.clone()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        std::fs::write(&path, noise(40_000_000)).unwrap();
        let big = Document { content: Content::File { path, len: 40_000_000 }, ..document(noise(1)) };
        let error = api.send_document(bot.channel, big).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_been_sent()), (Kind::Unreachable, false), "{trouble:?}: {error}");
    }
    api.send_document(bot.channel, Document { content, ..document(noise(1)) }).await.unwrap();
    assert_eq!(scene.sim.world().messages(scene.twin(0).channel).len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_has_taken_nothing() {
    let scene = scene();
    let (api, channel) = (scene.api(0), scene.bot(0).channel);
    drop(scene.sim);
    let error = api.send_document(channel, document(noise(10))).await.unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent()), (Kind::Unreachable, false), "{error}");
    let error = api.me().await.unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent()), (Kind::Unreachable, false), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_not_telegrams_fault() {
    let scene = scene();
    let (api, channel) = (scene.api(0), scene.bot(0).channel);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pack");
    let file = |len: u64| Document { content: Content::File { path: path.clone(), len }, ..document(noise(1)) };
    for (written, len) in [(None, 10), (Some(9), 10), (Some(10), 0)] {
        if let Some(written) = written {
            std::fs::write(&path, noise(written)).unwrap();
        }
        let error = api.send_document(channel, file(len)).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_been_sent()), (Kind::LocalFile, false), "{error}");
    }
    assert_eq!(scene.requests(0, "sendDocument"), 0);
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_breaks_the_sending_off() {
    let scene = scene();
    let (api, channel) = (scene.api(0), scene.bot(0).channel);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pack");
    std::fs::write(&path, noise(30_000_000)).unwrap();
    let slow = Trouble::Slow { bytes_per_second: 2_000_000 };
    scene.sim.world().fault(scene.twin(0).id, Fault::once(Operation::Send, slow));
    let file = Document { content: Content::File { path: path.clone(), len: 30_000_000 }, ..document(noise(1)) };
    let cut = async {
        super::until(|| scene.requests(0, "sendDocument") == 1).await;
        std::fs::File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    };
    let (answer, ()) = tokio::join!(api.send_document(channel, file), cut);
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent()), (Kind::LocalFile, false), "{error:?}");
    assert_eq!(scene.sim.world().messages(scene.twin(0).channel).len(), 0);
}
