//! Runs one scenario.

use std::path::Path;

use porthole_gpu_device::{Answer, Gpu, Options};

use crate::edid;
use crate::ram::Ram;
use crate::scenario::{Request, Scenario, Step, hex, unhex};
use crate::screen::{Keeping, Screen, present};

/// `TRANSFER_TO_HOST_2D` and `RESOURCE_FLUSH`.
const TRANSFER: [u8; 4] = [0x05, 0x01, 0, 0];
const FLUSH: [u8; 4] = [0x04, 0x01, 0, 0];

/// Runs a scenario in all ways and tells the first difference.
pub(crate) fn run(scenario: &Scenario, directory: &Path) -> Result<(), String> {
    for keeping in Keeping::ALL {
        let mut machine = Machine::new(keeping);
        for (index, step) in scenario.steps.iter().enumerate() {
            let result = machine.step(step, directory);
            result
                .map_err(|difference| format!("step {index} ({keeping:?} kept): {difference}"))?;
        }
    }
    Ok(())
}

struct Machine {
    gpu: Gpu,
    ram: Ram,
    screens: Vec<Screen>,
    /// The guest has transferred and not flushed since. The recorded device shows transferred
    /// pixels at once and ours only when they are flushed, so nothing can be said meanwhile.
    unflushed: bool,
}

impl Machine {
    fn new(keeping: Keeping) -> Self {
        let mut gpu = Gpu::new(&Options::default());
        let screens: Vec<Screen> = (0..gpu.scanouts()).map(|_| Screen::new(keeping)).collect();
        (0..screens.len()).for_each(|index| gpu.set_visible(index, true));
        Self { gpu, ram: Ram::new(), screens, unflushed: false }
    }

    fn step(&mut self, step: &Step, directory: &Path) -> Result<(), String> {
        match step {
            Step::GuestWrite(offset, bytes) => self.ram.write(*offset, &unhex(bytes)?),
            Step::GuestLcg(offset, length, seed) => self.ram.write_lcg(*offset, *length, *seed),
            Step::Ctrl(request) => self
                .control(request)
                .map_err(|difference| format!("{}: {difference}", request.name)),
            Step::Cursor(request) => {
                self.gpu.cursor(&bytes_of(request)?, &self.ram);
                present(&mut self.gpu, &mut self.screens)
            }
            Step::Config(offset, expected) => {
                let expected = unhex(expected)?;
                let got = self.gpu.config(*offset, expected.len());
                same("configuration", &expected, &got)
            }
            Step::Screen(_) if self.unflushed => Ok(()),
            Step::Screen(file) => {
                let screen = self.screens.first().ok_or("no scanout")?;
                let path = directory.join(file);
                screen.compare(&path).map_err(|difference| format!("{file}: {difference}"))
            }
            Step::Inactive(scanout) => match self.screens.get(*scanout) {
                Some(Screen { shown: Some(_), .. }) => Err("a picture is shown".to_owned()),
                _ => Ok(()),
            },
            Step::Note(_) => Ok(()),
        }
    }

    fn control(&mut self, request: &Request) -> Result<(), String> {
        let bytes = bytes_of(request)?;
        if bytes.starts_with(&TRANSFER) {
            self.unflushed = true;
        } else if bytes.starts_with(&FLUSH) {
            self.unflushed = false;
        }
        let answer = self.gpu.control(&bytes, request.resp_len, &self.ram);
        let got = match answer {
            Answer::Now(bytes) | Answer::WhenPresented { bytes, .. } => bytes,
        };
        present(&mut self.gpu, &mut self.screens)?;
        if request.used_len.is_some_and(|length| length != got.len()) {
            let expected = request.used_len.unwrap_or_default();
            return Err(format!("the response has {} bytes instead of {expected}", got.len()));
        }
        let (expected, prefix) = match request.resp.strip_suffix("...") {
            Some(start) => (unhex(start)?, true),
            None => (unhex(&request.resp)?, false),
        };
        if edid::is_edid(&expected) {
            return edid::compare(&expected, &got);
        }
        let length = if prefix { expected.len().min(got.len()) } else { got.len() };
        same("response", &expected, got.get(..length).unwrap_or_default())
    }
}

fn bytes_of(request: &Request) -> Result<Vec<u8>, String> {
    let bytes = unhex(&request.req)?;
    // How a request is cut into descriptors is the transport's business: it joins them.
    if request.split.as_ref().is_some_and(|split| split.iter().sum::<usize>() != bytes.len()) {
        return Err("the split does not add up to the request".to_owned());
    }
    Ok(bytes)
}

fn same(what: &str, expected: &[u8], got: &[u8]) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    Err(format!("{what} {} instead of {}", hex(got), hex(expected)))
}
