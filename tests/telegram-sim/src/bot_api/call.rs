//! One call of a method: what is in store for it, what it brings, what it gets.

use super::connection::Connection;
use super::failure::Failure;
use super::input::{Input, Reader};
use super::method::Method;
use super::pacer::Pacer;
use super::shape;
use crate::World;
use crate::world::fault::{Ending, Operation};
use crate::world::messages::{Content, NewCaption, Place};
use crate::world::state::{Bot, BotId, Standing};
use crate::world::traffic::Way;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait of `getUpdates`; the real service cuts longer ones, too.
const POLL_MAX_S: u64 = 50;

/// Answers `/bot<token>/<method>`.
pub(super) async fn call(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    world: web::Data<World>,
) -> HttpResponse {
    let (token, method) = path.into_inner();
    let known = known(&world, &token, &method);
    let (bot, method) = match known {
        Ok(known) => known,
        Err(failure) => {
            let mut reader = Reader { world: &world, pacer: Pacer::new(None, None), under_way: None };
            // Whatever it brings, the answer is this.
            _ = reader.read(&request, payload).await;
            return failure.answer();
        }
    };
    world.traffic().asked(bot.id, method.name());
    let under_way = (method.operation() == Operation::Send).then(|| world.traffic().begin(bot.id, Way::In));
    let plan = world.plan(bot.id, method.operation());
    world.delay(bot.id, method.operation(), &plan).await;
    if matches!(plan.ending, Some(Ending::Reset)) {
        Connection::reset(&request);
        return HttpResponse::Ok().finish();
    }
    let pacer = Pacer::new(plan.bytes_per_second, Some(world.line(bot.id, Way::In)));
    let mut reader = Reader { world: &world, pacer, under_way: under_way.as_ref() };
    let input = reader.read(&request, payload).await;
    match plan.ending {
        Some(Ending::Refused(refusal)) => return Failure::Refused(refusal).answer(),
        Some(Ending::Status(code)) => return Failure::Status(code).answer(),
        Some(Ending::Hang) => std::future::pending().await,
        Some(Ending::LoseAnswer | Ending::Reset) | None => {}
    }
    let answer = match input {
        Ok(input) => done(&world, bot, method, input).await,
        Err(failure) => Err(failure),
    };
    if matches!(plan.ending, Some(Ending::LoseAnswer)) {
        Connection::reset(&request);
    }
    match answer {
        Ok(result) => HttpResponse::Ok().json(json!({ "ok": true, "result": result })),
        Err(failure) => failure.answer(),
    }
}

/// The bot and the method of a path.
fn known(world: &World, token: &str, method: &str) -> Result<(Bot, Method), Failure> {
    let bot = world.bot_with(token)?;
    let method = Method::named(method).ok_or(Failure::NotFound("Not Found: method not found"))?;
    Ok((bot, method))
}

/// The world writes files, so it is asked where waiting is allowed.
async fn done(world: &World, bot: Bot, method: Method, input: Input) -> Result<Value, Failure> {
    if method == Method::GetUpdates {
        let asked = input.text("timeout").and_then(|text| text.parse().ok()).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(POLL_MAX_S.min(asked))).await;
        return Ok(json!([]));
    }
    let world = world.clone();
    let answered = web::block(move || answer(&world, &bot, method, input)).await;
    answered.unwrap_or(Err(Failure::Status(500)))
}

fn answer(world: &World, bot: &Bot, method: Method, input: Input) -> Result<Value, Failure> {
    match method {
        Method::GetMe => Ok(shape::me(bot)),
        Method::GetChat => Ok(shape::full_chat(world, bot.id, &world.channel(bot.id, input.channel("chat_id")?)?)),
        Method::GetChatMember => chat_member(world, bot.id, &input),
        Method::GetChatAdministrators => administrators(world, bot.id, &input),
        Method::GetFile => file(world, bot.id, &input),
        Method::SendDocument => send_document(world, bot.id, input),
        Method::SendMessage => {
            let text = input.text("text").unwrap_or_default().to_owned();
            let seen = world.post(bot.id, input.channel("chat_id")?, Content::Text(text))?;
            Ok(shape::message(world, bot.id, &seen))
        }
        Method::ForwardMessage => {
            let seen = world.forward(bot.id, place(&input, "from_chat_id")?, input.channel("chat_id")?)?;
            Ok(shape::message(world, bot.id, &seen))
        }
        Method::CopyMessage => {
            let caption = input.text("caption").map_or(NewCaption::Same, |text| NewCaption::Other(caption(text)));
            let (from, to) = (place(&input, "from_chat_id")?, input.channel("chat_id")?);
            Ok(json!({ "message_id": world.copy(bot.id, from, to, caption)? }))
        }
        Method::EditMessageCaption => {
            let caption = input.text("caption").and_then(caption);
            let seen = world.set_caption(bot.id, place(&input, "chat_id")?, caption)?;
            Ok(shape::message(world, bot.id, &seen))
        }
        Method::DeleteMessage => truly(world.delete(bot.id, place(&input, "chat_id")?)?),
        Method::DeleteMessages => truly(world.delete_many(bot.id, input.channel("chat_id")?, &input.messages()?)?),
        Method::PinChatMessage => truly(world.pin(bot.id, place(&input, "chat_id")?)?),
        Method::UnpinChatMessage => {
            let message = input.text("message_id").map(|_| input.message());
            truly(world.unpin(bot.id, input.channel("chat_id")?, message)?)
        }
        Method::GetWebhookInfo => Ok(json!({ "url": "", "has_custom_certificate": false, "pending_update_count": 0 })),
        Method::GetUpdates | Method::DeleteWebhook | Method::LogOut | Method::Close => truly(()),
    }
}

fn truly((): ()) -> Result<Value, Failure> {
    Ok(Value::Bool(true))
}

fn place(input: &Input, channel: &str) -> Result<Place, Failure> {
    Ok(Place { channel: input.channel(channel)?, message: input.message() })
}

/// An empty caption is none.
fn caption(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn chat_member(world: &World, bot: BotId, input: &Input) -> Result<Value, Failure> {
    let channel = world.channel(bot, input.channel("chat_id")?)?;
    let user = input.text("user_id").and_then(|text| text.parse().ok()).map(BotId);
    let user = user.ok_or(Failure::Bad("Bad Request: invalid user_id specified"))?;
    let mut members = channel.members.into_iter();
    if let Some((member, standing)) = members.find(|(member, _)| member.id == user) {
        return Ok(shape::member(&member, standing));
    }
    let stranger = world.bots().into_iter().find(|bot| bot.id == user);
    // For somebody the service does not know, this is what is reported by users of the API.
    let stranger = stranger.ok_or(Failure::Bad("Bad Request: PARTICIPANT_ID_INVALID"))?;
    Ok(shape::member(&stranger, Standing::Left))
}

fn administrators(world: &World, bot: BotId, input: &Input) -> Result<Value, Failure> {
    let channel = world.channel(bot, input.channel("chat_id")?)?;
    let is_administrator = |standing: &Standing| matches!(standing, Standing::Administrator(_));
    let members = channel.members.iter().filter(|(_, standing)| is_administrator(standing));
    Ok(members.map(|(member, standing)| shape::member(member, *standing)).collect())
}

fn file(world: &World, bot: BotId, input: &Input) -> Result<Value, Failure> {
    let file_id = input.text("file_id").filter(|text| !text.is_empty());
    let file_id = file_id.ok_or(Failure::Bad("Bad Request: file_id not specified"))?;
    let (document, path) = world.link(bot, file_id)?;
    let mut shaped = shape::file(world, bot, &document);
    shaped["file_path"] = path.into();
    Ok(shaped)
}

fn send_document(world: &World, bot: BotId, mut input: Input) -> Result<Value, Failure> {
    let channel = input.channel("chat_id")?;
    let caption = input.text("caption").and_then(caption);
    let content = if let Some(upload) = input.take_file("document") {
        Content::Upload { spool: upload.spool, name: upload.name, mime: upload.mime, caption }
    } else {
        let file_id = input.text("document").filter(|text| !text.is_empty());
        let file_id = file_id.ok_or(Failure::Bad("Bad Request: there is no document in the request"))?;
        Content::Known { file_id: file_id.to_owned(), caption }
    };
    let seen = world.post(bot, channel, content)?;
    Ok(shape::message(world, bot, &seen))
}
