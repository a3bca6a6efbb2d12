//! Services on Zenoh: queries, as rmw_zenoh makes them.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use ::zenoh::{
    Wait,
    bytes::ZBytes,
    liveliness::LivelinessToken,
    query::{ConsolidationMode, Query, QueryTarget, Reply},
};
use bytes::Bytes;
use hiroz::{attachment::Attachment, entity::EndpointKind};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    member::{Wire, announcing},
    shared_memory::received,
    transport,
};
use crate::{Call, CarrierError, Guard, OnRequest, RawClient, Responder};

/// A query outlives its call by this, so that it is the call that times out, with an error that says so.
const QUERY_GRACE: Duration = Duration::from_secs(1);

/// Zenoh adds timeouts to the clock: "for ever" must stay within its range.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(super) fn serve(wire: Wire, on_request: OnRequest) -> Result<Guard, CarrierError> {
    let queryable = wire
        .zenoh()
        .declare_queryable(wire.key.clone())
        .complete(true)
        .callback(move |query| {
            let request = query.payload().map(received).unwrap_or_default();
            on_request(request, Responder::new(move |response| reply(&query, response)));
        })
        .wait()
        .map_err(transport(|| announcing(&wire.entity)))?;
    let token = wire.announce()?;
    Ok(Guard::new((token, queryable, wire)))
}

/// Sends a response with the request's number and sender, by which rmw_zenoh's clients know it.
fn reply(query: &Query, response: Result<Bytes, String>) {
    let sent = match response {
        Ok(cdr) => {
            let attachment = query
                .attachment()
                .and_then(|bytes| Attachment::try_from(bytes).ok())
                .map(|request| Attachment::new(request.sequence_number, request.source_gid));
            query.reply(query.key_expr().clone(), cdr).attachment(attachment.map(ZBytes::from)).wait()
        }
        Err(reason) => query.reply_err(reason).wait(),
    };
    if let Err(error) = sent {
        // The caller stopped waiting, or left.
        tracing::debug!(service = %query.key_expr(), error, "a response could not be sent");
    }
}

pub(super) struct ZenohClient {
    _token: LivelinessToken,
    sequence: AtomicI64,
    wire: Wire,
}

impl ZenohClient {
    pub(super) fn declare(wire: Wire) -> Result<Self, CarrierError> {
        Ok(Self { _token: wire.announce()?, sequence: AtomicI64::new(1), wire })
    }
}

impl RawClient for ZenohClient {
    fn call(&self, request: Bytes, timeout: Duration) -> Call {
        let service = self.wire.entity.topic.clone();
        let served = self.is_served();
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let sender = Mutex::new(Some(sender));
        let sent = self
            .wire
            .zenoh()
            .get(self.wire.key.clone())
            .payload(request)
            .attachment(Attachment::new(sequence, self.wire.gid))
            .target(QueryTarget::AllComplete)
            .consolidation(ConsolidationMode::None)
            .timeout(timeout.min(LONGEST) + QUERY_GRACE)
            .callback(move |reply: Reply| {
                // The first reply counts, should there be two servers.
                if let Some(sender) = sender.lock().take() {
                    let _ = sender.send(match reply.result() {
                        Ok(sample) => Ok(received(sample.payload())),
                        Err(error) => Err(String::from_utf8_lossy(&error.payload().to_bytes()).into_owned()),
                    });
                }
            })
            .wait();
        Box::pin(async move {
            sent.map_err(transport(|| format!("cannot call {service}")))?;
            match tokio::time::timeout(timeout, receiver).await {
                Ok(Ok(Ok(response))) => Ok(response),
                Ok(Ok(Err(reason))) => Err(CarrierError::NoReply { service, reason }),
                Ok(Err(_)) if served => {
                    Err(CarrierError::NoReply { service, reason: "the server went away".to_owned() })
                }
                Ok(Err(_)) => Err(CarrierError::NoServer(service)),
                Err(_) => Err(CarrierError::Timeout { service, timeout }),
            }
        })
    }

    fn is_served(&self) -> bool {
        let graph = self.wire.session.context.graph();
        graph.count_by_service(EndpointKind::Service, &self.wire.entity.topic) > 0
    }
}
