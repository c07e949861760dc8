//! Fills a world with people, and puts what they did into its final form.

use crate::Settings;
use crate::act::Act;
use crate::calendar::{DAY, Rhythm};
use crate::life::Life;
use crate::persona::{FRIEND, ORGANIC};
use crate::world::{Device, Happening, Person, Place, World};

/// Everybody, and everything they did.
#[derive(Debug)]
pub(crate) struct Population {
    pub(crate) people: Vec<Person>,
    pub(crate) devices: Vec<Device>,
    /// In order of time; no two of one person at the same time.
    pub(crate) happenings: Vec<Happening>,
}

impl Population {
    /// Invents them.
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut world = World::new(settings);
        for _ in 0..settings.people {
            let end = world.calendar.end();
            let invitation = loop {
                match world.invitations.pop() {
                    Some(invitation) if invitation.comes >= end => {}
                    other => break other,
                }
            };
            match invitation {
                Some(it) => begin(&mut world, &FRIEND, Some(it.inviter), it.comes),
                None => begin_by_themselves(&mut world),
            }
        }
        crawl(&mut world);
        let mut population = Self {
            happenings: in_order(world.happenings, world.calendar.end()),
            people: world.people,
            devices: world.devices,
        };
        population.forget_unknown();
        population
    }

    /// Makes those who never said who they are known by their device alone.
    fn forget_unknown(&mut self) {
        let mut is_known = vec![false; self.people.len()];
        for happening in &self.happenings {
            let says_who = matches!(
                happening.act,
                Act::SignedUp | Act::Introduced | Act::NewsletterJoined | Act::Ordered { .. }
            );
            let has_device = matches!(happening.place, Place::Web(_) | Place::Elsewhere(_));
            is_known[happening.person] |= says_who || !has_device;
        }
        for (person, is_known) in self.people.iter_mut().zip(is_known) {
            let is_shared = |device: &usize| self.devices[*device].users > 1;
            person.is_unknown = !is_known && !person.devices.iter().any(is_shared);
            if person.is_unknown {
                person.id.clone_from(&self.devices[person.devices[0]].id);
            }
        }
        for happening in &mut self.happenings {
            let person = &self.people[happening.person];
            if !person.is_unknown {
                continue;
            }
            match &mut happening.place {
                Place::Web(device) | Place::Elsewhere(device) => *device = person.devices[0],
                Place::Shop | Place::Phone | Place::Office => {}
            }
        }
    }
}

fn begin_by_themselves(world: &mut World) {
    let kind = world.dice.weighted(ORGANIC.iter().map(|it| it.share));
    let persona = &ORGANIC[kind];
    let day = world.calendar.any_day(&mut world.dice);
    let start = world.calendar.moment(&mut world.dice, day, persona.rhythm);
    begin(world, persona, None, start);
}

/// Lets a person live from an instant on, which is moved into the simulation if it lies behind it.
fn begin(world: &mut World, persona: &crate::persona::Persona, inviter: Option<usize>, start: i64) {
    let end = world.calendar.end();
    let start = if start < end {
        start
    } else {
        end - world.dice.between(1, DAY / 24)
    };
    let person = world.add_person(persona);
    Life::new(world, person, *persona, inviter, start).live();
}

/// Lets a crawler look at the home page once a day.
fn crawl(world: &mut World) {
    let crawler = world.add_crawler();
    let device = world.people[crawler].devices[0];
    for day in 0..world.calendar.days() {
        let at = world.calendar.moment(&mut world.dice, day, Rhythm::Online);
        world.note(crawler, at, Act::HomeSeen, Place::Web(device));
    }
}

/// Sorts what happened before `end` by time, and gives everything that a person did a time of its
/// own.
fn in_order(mut happenings: Vec<Happening>, end: i64) -> Vec<Happening> {
    happenings.sort_by_key(|it| (it.person, it.at));
    let mut before = (usize::MAX, 0);
    for happening in &mut happenings {
        if happening.person == before.0 {
            happening.at = happening.at.max(before.1 + 1);
        }
        before = (happening.person, happening.at);
    }
    happenings.retain(|it| it.at < end);
    happenings.sort_by_key(|it| (it.at, it.person));
    happenings
}
