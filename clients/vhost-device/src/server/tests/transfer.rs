//! A device's state over a pipe.

use std::io::{Read, Write, pipe};
use std::os::fd::AsFd;
use std::thread;

use super::*;

const SET: u32 = 42;
const CHECK: u32 = 43;
const SAVE: u32 = 0;
const LOAD: u32 = 1;
/// No descriptor comes back.
const GOOD: u64 = 0x100;
const BAD: u64 = 0x101;

/// A device that is nothing but a state.
#[derive(Debug, Default)]
struct Holder(Vec<u8>);

impl Device for Holder {
    fn config(&self, _: u32, _: u32) -> Vec<u8> {
        Vec::new()
    }
    fn write_config(&mut self, _: u32, _: &[u8]) {}
    fn process(&mut self, _: usize, _: &mut Rings) {}
    fn stopping(&mut self, _: usize, _: &mut Rings) {}
    fn reset(&mut self) {}
    fn save(&self) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }
    fn state_limit(&self) -> u64 {
        1 << 20
    }
    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        if state.first() == Some(&0xff) {
            return Err("no state".to_owned());
        }
        self.0 = state.to_vec();
        Ok(())
    }
}

fn number(reply: &[u8]) -> u64 {
    u64::from_le_bytes(reply[12..20].try_into().unwrap())
}

fn set(driver: &mut Driver, device: &mut dyn Device, direction: u32, fd: impl AsFd) -> u64 {
    let payload = [direction, 0].map(u32::to_le_bytes).concat();
    number(&driver.request_raw(SET, &payload, &[fd.as_fd()], device).unwrap())
}

fn check(driver: &mut Driver, device: &mut dyn Device) -> u64 {
    number(&driver.request(CHECK, &[], device))
}

#[test]
fn a_state_goes_out_and_comes_in() {
    // More than a pipe holds, and not the same everywhere.
    let state: Vec<u8> = (0..900_001_u32).map(|index| u8::try_from(index % 241).unwrap()).collect();
    let (mut driver, mut device) = (Driver::connected(SHAPE), Holder(state.clone()));
    let (mut reader, writer) = pipe().unwrap();
    assert_eq!(set(&mut driver, &mut device, SAVE, &writer), GOOD);
    drop(writer);
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    });
    while !reading.is_finished() {
        driver.server.turn(&mut device).unwrap();
    }
    let saved = reading.join().unwrap();
    assert!(saved == state);
    assert_eq!(check(&mut driver, &mut device), 0);

    let (mut driver, mut device) = (Driver::connected(SHAPE), Holder::default());
    let (reader, mut writer) = pipe().unwrap();
    assert_eq!(set(&mut driver, &mut device, LOAD, &reader), GOOD);
    let writing = thread::spawn(move || writer.write_all(&saved).unwrap());
    while !writing.is_finished() {
        driver.server.turn(&mut device).unwrap();
    }
    writing.join().unwrap();
    assert_eq!(check(&mut driver, &mut device), 0);
    assert!(device.0 == state);
    assert_eq!(check(&mut driver, &mut device), 1, "once");
}

#[test]
fn transfers_that_cannot_be_are_refused() {
    let (mut driver, mut device) = (Driver::started(SHAPE), Holder(vec![1]));
    let (reader, mut writer) = pipe().unwrap();
    assert_eq!(set(&mut driver, &mut device, LOAD, &reader), BAD, "the queues run");
    for queue in [0, 1] {
        driver.get_vring_base(queue, &mut device);
    }
    assert_eq!(check(&mut driver, &mut device), 1, "nothing was begun");
    let file = tempfile::tempfile().unwrap();
    assert_eq!(set(&mut driver, &mut device, LOAD, &file), BAD, "no pipe");
    assert_eq!(set(&mut driver, &mut device, LOAD, &reader), GOOD);
    assert_eq!(check(&mut driver, &mut device), 1, "the pipe is open");
    assert_eq!(set(&mut driver, &mut device, LOAD, &reader), GOOD);
    writer.write_all(&[0xff, 1]).unwrap();
    drop(writer);
    assert_eq!(check(&mut driver, &mut device), 1, "the device refuses it");
    let mut nothing = Echo::default();
    assert_eq!(set(&mut driver, &mut nothing, SAVE, &reader), BAD, "it cannot be moved");
    assert_eq!(device.0, [1]);
}

#[test]
fn a_state_that_never_ends_is_cut_off() {
    let (mut driver, mut device) = (Driver::connected(SHAPE), Holder::default());
    let (reader, mut writer) = pipe().unwrap();
    assert_eq!(set(&mut driver, &mut device, LOAD, &reader), GOOD);
    drop(reader);
    let writing = thread::spawn(move || while writer.write_all(&[7; 4096]).is_ok() {});
    while !writing.is_finished() {
        driver.server.turn(&mut device).unwrap();
    }
    writing.join().unwrap();
    assert_eq!(check(&mut driver, &mut device), 1);
}

/// A front-end that starts a queue between the two halves of a transfer gets nothing of it.
#[test]
fn a_state_does_not_come_in_while_queues_run() {
    let (mut driver, mut device) = (Driver::started(SHAPE), Holder(vec![1]));
    for queue in [0, 1] {
        driver.get_vring_base(queue, &mut device);
    }
    let (reader, mut writer) = pipe().unwrap();
    assert_eq!(set(&mut driver, &mut device, LOAD, &reader), GOOD);
    writer.write_all(&[5]).unwrap();
    drop(writer);
    driver.start_ring(0, 0, &mut device);
    assert_eq!(check(&mut driver, &mut device), 1);
    driver.get_vring_base(0, &mut device);
    assert_eq!(check(&mut driver, &mut device), 1, "it is forgotten");
    assert_eq!(device.0, [1]);
}
