//! Download links: `/file/bot<token>/<path>`.

use super::connection::Connection;
use super::failure::Failure;
use super::pacer::Pacer;
use crate::World;
use crate::settings::Ranges;
use crate::world::fault::{Damage, Ending, Operation};
use crate::world::traffic::{UnderWay, Way};
use actix_web::body::SizedStream;
use actix_web::http::header::{ACCEPT_RANGES, CONTENT_RANGE, RANGE};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures::stream::{self, Stream};
use http_range::{HttpRange, HttpRangeParseError};
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

const CHUNK: u64 = 256 * 1024;
/// Time for what was sent to leave, before a connection is closed in the middle of a body.
const LEAVE: Duration = Duration::from_millis(20);

/// Answers a download.
pub(super) async fn download(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    world: web::Data<World>,
) -> HttpResponse {
    let (token, path) = path.into_inner();
    let answered = async {
        // The file server's answer to a wrong token is not documented; this is the other methods'.
        let bot = world.bot_with(&token)?;
        world.traffic().asked(bot.id, "download");
        let under_way = world.traffic().begin(bot.id, Way::Out);
        let plan = world.plan(bot.id, Operation::Download);
        world.delay(bot.id, Operation::Download, &plan).await;
        match plan.ending {
            Some(Ending::Refused(refusal)) => return Err(Failure::Refused(refusal)),
            Some(Ending::Status(code)) => return Err(Failure::Status(code)),
            Some(Ending::Hang) => std::future::pending().await,
            Some(Ending::Reset | Ending::LoseAnswer) => {
                Connection::reset(&request);
                return Ok(HttpResponse::Ok().finish());
            }
            None => {}
        }
        let (document, file) = world.linked(bot.id, &path)?;
        let Wanted::Bytes(range) = wanted(&world, &request, document.size) else {
            return Ok(unsatisfiable(document.size));
        };
        let damage = world.damage(bot.id, &range, plan.roll.as_ref());
        let pacer = Pacer::new(plan.bytes_per_second, Some(world.line(bot.id, Way::Out)));
        let body = Body::open(&file, range.clone(), damage, pacer, under_way).await?;
        Ok(head(&world, &range, document.size).body(SizedStream::new(range.end - range.start, body.stream())))
    };
    answered.await.unwrap_or_else(|failure: Failure| failure.answer())
}

enum Wanted {
    Bytes(Range<u64>),
    Nothing,
}

/// One range is honoured; several, or a header that is none, get the whole (RFC 9110, 14.2).
fn wanted(world: &World, request: &HttpRequest, size: u64) -> Wanted {
    let header = request.headers().get(RANGE).filter(|_| world.settings().ranges == Ranges::Honoured);
    match header.map(|header| HttpRange::parse_bytes(header.as_bytes(), size)) {
        Some(Ok(ranges)) if ranges.len() == 1 => Wanted::Bytes(ranges[0].start..ranges[0].start + ranges[0].length),
        Some(Err(HttpRangeParseError::NoOverlap)) => Wanted::Nothing,
        _ => Wanted::Bytes(0..size),
    }
}

fn unsatisfiable(size: u64) -> HttpResponse {
    HttpResponse::RangeNotSatisfiable().insert_header((CONTENT_RANGE, format!("bytes */{size}"))).finish()
}

fn head(world: &World, range: &Range<u64>, size: u64) -> actix_web::HttpResponseBuilder {
    let mut head = HttpResponse::Ok();
    if *range != (0..size) {
        head = HttpResponse::PartialContent();
        head.insert_header((CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1)));
    }
    if world.settings().ranges == Ranges::Honoured {
        head.insert_header((ACCEPT_RANGES, "bytes"));
    }
    head.content_type("application/octet-stream");
    head
}

/// The bytes of an answer, with what goes wrong with them.
struct Body {
    file: File,
    left: Range<u64>,
    damage: Damage,
    pacer: Pacer,
    under_way: UnderWay,
}

impl Body {
    async fn open(
        path: &Path,
        range: Range<u64>,
        damage: Damage,
        pacer: Pacer,
        under_way: UnderWay,
    ) -> io::Result<Self> {
        let mut file = File::open(path).await?;
        file.seek(SeekFrom::Start(range.start)).await?;
        Ok(Self { file, left: range, damage, pacer, under_way })
    }

    fn stream(self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::try_unfold(self, |mut body| async move {
            let chunk = body.next().await?;
            Ok(chunk.map(|chunk| (chunk, body)))
        })
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.damage.drop_after == Some(0) {
            tokio::time::sleep(LEAVE).await;
            return Err(io::Error::other("this connection was to be dropped here"));
        }
        let mut len = self.pacer.step(CHUNK).min(self.left.end - self.left.start);
        if let Some(drop_after) = &mut self.damage.drop_after {
            len = len.min(*drop_after);
            *drop_after -= len;
        }
        if len == 0 {
            return Ok(None);
        }
        let mut chunk = Vec::new();
        if (&mut self.file).take(len).read_to_end(&mut chunk).await? as u64 != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let place = |at: u64| usize::try_from(at.checked_sub(self.left.start)?).ok();
        if let Some(byte) = self.damage.flip_at.and_then(place).and_then(|place| chunk.get_mut(place)) {
            *byte ^= 1;
        }
        self.left.start += len;
        self.pacer.pass(len).await;
        self.under_way.count(len);
        Ok(Some(chunk.into()))
    }
}
