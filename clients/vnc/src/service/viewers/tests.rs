use std::net::{SocketAddr, TcpStream};

use calloop::{EventLoop, channel};
use porthole_client::capture::Pointers;

use super::*;
use crate::{
    address::Address,
    away::Away,
    reach::Target,
    service::{Options, Service},
};

/// A server whose compositor is away, with a picture to show.
fn service(event_loop: &EventLoop<'static, Service>) -> Service {
    let options = Options {
        port: "main".to_owned(),
        name: "main".to_owned(),
        password: None,
        max_viewers: 256,
        view_only: false,
        clipboard: porthole_rfb::ClipboardWays { give: true, take: true },
        niceness: 0,
        patience: None,
    };
    let (tell, _) = channel::channel();
    let target = Target { wayland: None, port: "main".to_owned(), pointers: Pointers::Apart };
    let mut service = Service::new(options, event_loop.handle(), (target, tell));
    service.away = Some(Away::new(Size::new(64, 48), &[0; 64 * 48 * 4]));
    service
}

/// A listener with viewers that wait at it.
fn crowd(count: usize) -> (Listener, Vec<TcpStream>) {
    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let Address::Tcp(address) = listener.address() else { panic!("not TCP") };
    let address: SocketAddr = *address;
    let viewers = (0..count).map(|_| TcpStream::connect(address).unwrap()).collect();
    (listener, viewers)
}

#[test]
fn a_crowd_of_viewers_comes_in_over_several_turns() {
    let event_loop = EventLoop::try_new().unwrap();
    let mut service = service(&event_loop);
    let (listener, _viewers) = crowd(ACCEPTS_PER_TURN * 2 + 3);
    let mut counts = Vec::new();
    for _ in 0..4 {
        service.accept(&listener);
        counts.push(service.viewers.len());
    }
    let turn = ACCEPTS_PER_TURN;
    assert_eq!(counts, [turn, 2 * turn, 2 * turn + 3, 2 * turn + 3]);
}

#[test]
fn who_is_turned_away_counts_too() {
    let event_loop = EventLoop::try_new().unwrap();
    let mut service = service(&event_loop);
    service.options.max_viewers = 1;
    let (listener, _viewers) = crowd(ACCEPTS_PER_TURN + 1);
    service.accept(&listener);
    listener.accept().expect("one is left for the next turn");
    listener.accept().unwrap_err();
    assert_eq!(service.viewers.len(), 1);
}
