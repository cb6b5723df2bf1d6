"""Short prompts for the five repair steps: something to glance at in the room, or just before a session.

What these are: words to borrow, change or ignore. `say` is always our own wording, an example of the tone and the size
of the thing; put it in your own voice and fit it to what actually happened. Say nothing you do not mean: where you did
nothing wrong, leave out the words that say you did. `notice` is what to hold in mind, and `source` says where that
thought comes from.

What these are not. No trial shows that repair tailored to an attachment pattern works better than repair that is not,
so every prompt is a suggestion, can be dismissed, and never stands in the way of anything. Patterns are dimensions, not
types of people: the same person may look different next month, or with someone else. `disorganized` is the founding
text's word for what the field calls fearful; two scores from a questionnaire do not measure disorganization.
`indeterminate` is what to use when nothing is known, which is most of the time.
The DBT skill is the therapist's own, shown by example, never something done to the client. The 3RS codes name what a
prompt mostly resembles; staying present has hardly any, because it shows in what the therapist leaves out. No prompt
redirects the client or links the moment to their other relationships: while it is still raw, both can feel like being
put off.

In one file, however long: the prompts are its length, and whoever reviews their tone reads them in a row.

The file is long because it is content: one prompt after another, each with its source.
"""

from dataclasses import dataclass
from typing import ClassVar

from domain.attachment import AttachmentPattern
from domain.repair import Step
from domain.rupture import RuptureType
from domain.skills import Skill, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One suggestion for one repair step with one attachment pattern in mind."""

    __pydantic_config__: ClassVar[dict[str, bool]] = {"use_attribute_docstrings": True}

    step: Step
    """The repair step it is for."""
    pattern: AttachmentPattern
    """The attachment pattern it has in mind: a leaning, not a type of person."""
    rupture_type: RuptureType | None
    """Withdrawal or confrontation where it is meant for one of them; null where it is meant for any rupture."""
    say: str
    """Words a therapist might actually use, in the first person, to be changed freely."""
    notice: str
    """What to hold in mind while saying it, or instead of saying it."""
    skill: Skill
    """The interpersonal skill the therapist leans on."""
    strategies: tuple[Strategy, ...]
    """The 3RS resolution strategies it resembles; may be empty."""
    source: str
    """Where the thought behind `notice` comes from; the wording is ours."""


_FOUNDING = "Founding text"
_PRACTICE = "Practice wisdom; founding text"
_NOTICING = "Chen et al. 2018 (abstract), doi 10.1080/10503307.2016.1227104"
_MARKERS = "Eubanks & Muran 2022 (3RS manual), doi 10.13140/RG.2.2.29780.17282"
_PATHS = "Rupture resolution as described at therapeutic-alliance.org"
_ORDER = "Eubanks, Burckell & Goldfried 2018; founding text"
_IN_SESSION = "Miller-Bottome, Talia, Safran & Muran 2018, doi 10.1037/pap0000152"
_LESS_HELP = "Dozier 1990; therapeutic-alliance.org (immediate repair)"
_LATER_VIEW = "Practice wisdom; compare a follow-up of 38 depressed patients, doi 10.1080/10503307.2023.2245128"


def _prompt(
    step: Step,
    pattern: AttachmentPattern,
    rupture_type: RuptureType | None = None,
    *,
    say: str,
    notice: str,
    skill: Skill,
    source: str,
    strategies: tuple[Strategy, ...] = (),
) -> Prompt:
    return Prompt(
        step=step,
        pattern=pattern,
        rupture_type=rupture_type,
        say=say,
        notice=notice,
        skill=skill,
        strategies=strategies,
        source=source,
    )


# fmt: off
PROMPTS: tuple[Prompt, ...] = (
    # ------------------------------------------------------------------ 1. Recognize: say that something went wrong

    _prompt(Step.RECOGNIZE, AttachmentPattern.SECURE,
        say="I think I missed something important a few minutes ago. I'd rather stop and look at it than carry on "
            "as if I hadn't.",
        notice="They may have told you already, quite plainly. Take the first mention as enough; there is no need to "
               "dig for something worse underneath.",
        skill=Skill.DESCRIBE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION,), source=_FOUNDING),

    _prompt(Step.RECOGNIZE, AttachmentPattern.ANXIOUS,
        say="I don't think I was really with you just then. We have time, and I'd like to go back to it.",
        notice="A silence about it may be heard as rejection, so name it early and in an even voice. Own your part "
               "without a flood of apology; they should not have to look after you.",
        skill=Skill.DESCRIBE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION,), source=_PRACTICE),

    _prompt(Step.RECOGNIZE, AttachmentPattern.AVOIDANT,
        say="One thing before we go on: I think I came in too hard there. We don't have to make much of it, I just "
            "didn't want to pretend.",
        notice="Keep it brief and matter-of-fact, and let it stand. A shrug may be all the answer you get, and it is "
               "no proof that you read the moment right or wrong.",
        skill=Skill.DESCRIBE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION,), source=_PRACTICE),

    _prompt(Step.RECOGNIZE, AttachmentPattern.DISORGANIZED,
        say="Something changed just now, and I think it had to do with me. We can talk about it or leave it for the "
            "moment; either is fine.",
        notice="Closeness may be wanted and feared in the same minute. Name only what you saw or did, not what you "
               "think it means, and leave a way out of the conversation.",
        skill=Skill.DESCRIBE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION, Strategy.DISCLOSE_EXPERIENCE),
        source=_FOUNDING),

    _prompt(Step.RECOGNIZE, AttachmentPattern.INDETERMINATE,
        say="I have a feeling I misread something today. I could be wrong about that, so put me right if I am.",
        notice="You need no theory of the person to notice that something went wrong, and in one study noticing "
               "went with a better alliance the next time. Say it lightly enough that they can disagree.",
        skill=Skill.DESCRIBE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION, Strategy.DISCLOSE_EXPERIENCE),
        source=_NOTICING),

    # ------------------------------------------------------------------ 2. Stay present: neither defend nor hurry

    _prompt(Step.STAY_PRESENT, AttachmentPattern.SECURE,
        say="I can feel myself wanting to explain. I'd rather hear the rest of it first.",
        notice="They may be able to look straight at the moment with you. You need not soften what you hear or hurry "
               "to agree with it.",
        skill=Skill.EXPRESS, strategies=(Strategy.DISCLOSE_EXPERIENCE,), source=_IN_SESSION),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.ANXIOUS,
        say="I'm listening. We don't have to settle all of it today, and our next appointment stays as it is.",
        notice="Steadiness may count for more than the right words. If it goes round again, slow down rather than "
               "answer each point; reassurance given too fast can sound like wanting it to be over.",
        skill=Skill.EXPRESS, source=_PRACTICE),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.AVOIDANT,
        say="No hurry. I don't need you to say anything about it right now, I'm just not going to rush us on.",
        notice="A lot of warmth at once may feel like crowding. Stay interested, ask less, and if the subject changes, "
               "go along with it once before you come back.",
        skill=Skill.EXPRESS, source=_PRACTICE),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.DISORGANIZED,
        say="I'm going to slow down a bit. We can go on with this or stop, and you can change your mind at any point.",
        notice="Some people lean in, pull back and lean in again. Try not to follow each swing: same voice, same pace, "
               "same distance, and a thought for your own breathing.",
        skill=Skill.ASSERT, source=_PRACTICE),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.INDETERMINATE,
        say="I don't want to fix this too quickly. I'm not sure I've understood it yet.",
        notice="The pull to explain, or to put it right at once, may have more to do with your discomfort than theirs. "
               "Let it pass, and wait a little longer than is comfortable.",
        skill=Skill.EXPRESS, strategies=(Strategy.DISCLOSE_EXPERIENCE,), source=_FOUNDING),

    # ------------------------------------------------------------------ 3. Invite reflection: how was it for them

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.SECURE,
        say="What happened for you when I said that? I'd like to hear it as it was, including anything about me.",
        notice="They may welcome a direct question about the two of you, here and now. Ask one, and then stop talking.",
        skill=Skill.EXPRESS, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_IN_SESSION),

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.ANXIOUS,
        say="What did it seem to say to you, when I did that? I'd like your version of it, not a polite one.",
        notice="Behind it there may be a worry about being left, or about being too much. Hear the worry out before "
               "you answer it; comfort can wait a minute.",
        skill=Skill.EXPRESS, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_FOUNDING),

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.AVOIDANT,
        say="If you could change one thing about how I handled that, what would it be?",
        notice="A practical question may be easier to answer than how it felt. One is enough; a thin answer is still "
               "an answer, and you can ask again another week.",
        skill=Skill.DESCRIBE, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PRACTICE),

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.DISORGANIZED,
        say="Would it be all right if I asked about that moment? You can tell me a little, or nothing, and stop "
            "partway.",
        notice="Ask permission and mean it: a no tells you something and may build trust. One small piece at a time; "
               "wanting to talk and wanting to leave can both be true.",
        skill=Skill.ASSERT, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PRACTICE),

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.INDETERMINATE,
        say="How was that for you? I know how I meant it, but not how it came across.",
        notice="You do not have to agree with the answer to be interested in it. Some people have never been asked "
               "this by someone who upset them, and may need a moment, or a week.",
        skill=Skill.EXPRESS, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_FOUNDING),

    # ------------------------------------------------------------------ 4. Validate emotions: no "but", no explaining

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.SECURE,
        say="I can see why that bothered you, and I'm glad you said so. It's changed how I see what I did.",
        notice="Agreeing is thin on its own: say what it is that you see differently now. Then stop before the "
               "sentence grows a 'but'.",
        skill=Skill.REINFORCE, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE,), source=_PRACTICE),

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.ANXIOUS,
        say="Of course that hurt. You trusted me with something, and I didn't give it the care it deserved.",
        notice="Say it once, plainly. Leave their past out of it for now: a link made too early can sound as if the "
               "hurt belonged somewhere else.",
        skill=Skill.EXPRESS, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE, Strategy.ACKNOWLEDGE_CONTRIBUTION),
        source=_ORDER),

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.AVOIDANT,
        say="It makes sense to keep some distance when someone gets it wrong. You don't have to feel strongly about it "
            "for me to take it seriously.",
        notice="Stepping back may have served them well for years. Treat it as good sense rather than a wall to get "
               "round; low-key words may go further than deep ones.",
        skill=Skill.DESCRIBE, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE,), source=_PRACTICE),

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.DISORGANIZED,
        say="You might want me to understand and also want me to back off. Both would make sense to me, and "
            "there's no need to pick one.",
        notice="Opposite feelings can both be reasonable, so make room for each and do not tidy them into one. Old "
               "injuries are theirs to bring up, not yours.",
        skill=Skill.DESCRIBE, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE,), source=_PRACTICE),

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.INDETERMINATE,
        say="I can see why that would bother you. I don't think you're making too much of it.",
        notice="Use their word for it, not a stronger or a milder one. Your good intentions can wait: explained too "
               "early, they can sound like a reason not to mind.",
        skill=Skill.EXPRESS, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE,), source=_FOUNDING),

    # ------------------------------------------------------------------ 5. Offer repair: own it, then plan together

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.SECURE,
        say="I'm sorry I assumed instead of asking. From now on I'll ask; is there anything else you'd want?",
        notice="Own your part in a sentence or two, then plan together. There may be room to talk about what this was "
               "like between you, not only about what to change.",
        skill=Skill.ASSERT, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION,), source=_IN_SESSION),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.ANXIOUS,
        say="I'm sorry I missed that. I'd like to ask you about it again next time, in case it looks different by "
            "then.",
        notice="What feels settled today may not feel settled later in the week. Offer something small and definite, "
               "then do exactly that, including the asking.",
        skill=Skill.REINFORCE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION, Strategy.INVITE_THOUGHTS_AND_FEELINGS),
        source=_LATER_VIEW),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.AVOIDANT,
        say="I'm sorry I pushed. I could ask first before I go into something personal; would that be any use?",
        notice="Begin with what you can change in the work; talk about the two of you can come later. Some people ask "
               "for less help and accept less of it, so one offer is enough.",
        skill=Skill.ASSERT, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION, Strategy.CHANGE_TASKS_OR_GOALS),
        source=_LESS_HELP),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.DISORGANIZED,
        say="I'm sorry I went so fast. If you'd like, we could agree on a word that means stop, and I'll stop.",
        notice="Offer what they control and what you can keep every time. One agreement is plenty; a promise broken "
               "now may cost more than a promise never made.",
        skill=Skill.ASSERT, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION, Strategy.CHANGE_TASKS_OR_GOALS),
        source=_PRACTICE),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.INDETERMINATE,
        say="I got that wrong, and I'm sorry. What would make it a bit better from here?",
        notice="Apologise for what you did, not for how they feel about it. If they do not know what would help, offer "
               "one thing that they can turn down; it need not be finished today.",
        skill=Skill.EXPRESS, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION,), source=_FOUNDING),

    # ================================================================== When it shows as withdrawal or confrontation
    # Withdrawal moves away from the therapist or the work, confrontation moves against them. The first tends to mend
    # by way of saying what one wants, the second by way of the hurt beneath the anger.

    # ------------------------------------------------------------------ 1. Recognize

    _prompt(Step.RECOGNIZE, AttachmentPattern.SECURE, RuptureType.WITHDRAWAL,
        say="You usually tell me when I'm off the mark. Did I make that harder today?",
        notice="Anyone may pull back, whatever their history. A change from how this person usually is with you tells "
               "you more than any description of them.",
        skill=Skill.DESCRIBE, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PRACTICE),

    _prompt(Step.RECOGNIZE, AttachmentPattern.ANXIOUS, RuptureType.WITHDRAWAL,
        say="I've been very sure of myself today, and that may have made it hard to disagree. If something I said was "
            "off, I'd like to hear it.",
        notice="Agreeing, pleasing and praising can be a way of stepping back. Some people do it to keep the peace, so "
               "see to it that disagreeing costs nothing.",
        skill=Skill.DESCRIBE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION, Strategy.INVITE_THOUGHTS_AND_FEELINGS),
        source=_MARKERS),

    _prompt(Step.RECOGNIZE, AttachmentPattern.AVOIDANT, RuptureType.WITHDRAWAL,
        say="Things have seemed fine lately, and maybe they are. If something about our work isn't, I'd want to know.",
        notice="Withdrawal often comes with good scores, and good scores are no proof of withdrawal either. Set "
               "them beside how the hour felt, and ask about the work before you ask about the two of you.",
        skill=Skill.DESCRIBE, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_MARKERS),

    _prompt(Step.RECOGNIZE, AttachmentPattern.INDETERMINATE, RuptureType.WITHDRAWAL,
        say="I think I may have lost you a while ago, and I'd like to go back to where that was.",
        notice="Being quiet, brief, tearful or on another subject is not in itself a rupture. Look for a move away "
               "from you or the work, and do not guess at the motive.",
        skill=Skill.DESCRIBE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION,), source=_MARKERS),

    _prompt(Step.RECOGNIZE, AttachmentPattern.INDETERMINATE, RuptureType.CONFRONTATION,
        say="You're telling me that something I did was not all right. I'm taking that seriously.",
        notice="Look for the part that is true before the part that is unfair. Disagreeing with you is not a rupture; "
               "working against each other may be.",
        skill=Skill.DESCRIBE, source=_MARKERS),

    # ------------------------------------------------------------------ 2. Stay present

    _prompt(Step.STAY_PRESENT, AttachmentPattern.ANXIOUS, RuptureType.CONFRONTATION,
        say="You can be angry with me, and we still meet next week. Tell me the rest of it.",
        notice="Loud anger may be a way to find out whether you are still there. Stay near and even, let it run its "
               "course, and keep your own account of what happened for later.",
        skill=Skill.ASSERT, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PRACTICE),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.AVOIDANT, RuptureType.CONFRONTATION,
        say="I'd rather know that than not. Go on, if there's more.",
        notice="Criticism may come cool and well argued. It is tempting to win, or to point out their share in it; "
               "some people find their own part hard to see, and being shown it now is unlikely to help.",
        skill=Skill.EXPRESS, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_IN_SESSION),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.DISORGANIZED, RuptureType.WITHDRAWAL,
        say="You seem further away than a minute ago. Shall we leave this for now, and come back to it if you want to?",
        notice="Going blank or far off may be protection. Come back to the room before you come back to the subject, "
               "and ask before you go on.",
        skill=Skill.DESCRIBE, source=_PRACTICE),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.DISORGANIZED, RuptureType.CONFRONTATION,
        say="I want to hear this, and I'd like to go slowly so that I don't miss any of it. We can stop whenever you "
            "like.",
        notice="Fear may sit close behind fury: lean back, speak lower, sit so that either of you could leave. Anger "
               "alone is not danger, but if there is a threat, safety comes before repair.",
        skill=Skill.ASSERT, source=_PRACTICE),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.INDETERMINATE, RuptureType.WITHDRAWAL,
        say="I've noticed I'm doing most of the talking. I'm going to leave more room.",
        notice="When someone goes quiet it is easy to fill the gap, or to step back as well; leave room without "
               "leaving. Quiet may also be thought, tiredness, a second language or a bad line.",
        skill=Skill.DESCRIBE, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION,), source=_PRACTICE),

    _prompt(Step.STAY_PRESENT, AttachmentPattern.INDETERMINATE, RuptureType.CONFRONTATION,
        say="I want to understand what you're angry about before I say anything about my side. Please don't soften it "
            "for me.",
        notice="Under the anger there may be hurt, and under the hurt something that is harder to show. Defending "
               "yourself seldom leads there, and nor does hurrying.",
        skill=Skill.EXPRESS, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PATHS),

    # ------------------------------------------------------------------ 3. Invite reflection

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.ANXIOUS, RuptureType.WITHDRAWAL,
        say="Never mind being fair to me for a minute. What would you have wanted me to do instead?",
        notice="Some people keep a complaint to themselves for fear of losing you, and are then alone with it. If one "
               "comes, take it without looking wounded.",
        skill=Skill.EXPRESS, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PRACTICE),

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.ANXIOUS, RuptureType.CONFRONTATION,
        say="What was the worst part of it for you? I'd like to understand that one first.",
        notice="When many things come at once, the worst one may lead to the hurt. Follow it and let the others wait; "
               "nothing needs answering yet.",
        skill=Skill.EXPRESS, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PATHS),

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.AVOIDANT, RuptureType.WITHDRAWAL,
        say="Of the things we did today, which was the least useful?",
        notice="Invite smaller than feels natural, and about the work. A high rating may be the polite answer, so it "
               "is worth asking aloud as well.",
        skill=Skill.DESCRIBE, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_MARKERS),

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.INDETERMINATE, RuptureType.WITHDRAWAL,
        say="Is there anything from last time that you'd have liked to say and didn't? A complaint is fine.",
        notice="After pulling back, the way forward often goes through saying what one wants or does not want. Half an "
               "objection is a good start; make it welcome.",
        skill=Skill.REINFORCE, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PATHS),

    _prompt(Step.INVITE_REFLECTION, AttachmentPattern.INDETERMINATE, RuptureType.CONFRONTATION,
        say="What am I not getting? I'll say back what I heard, and you tell me whether I've got it.",
        notice="Ask what it was like before why it happened. If the anger eases, leave space for whatever else is "
               "there; asking for the hurt too soon can feel like being handled.",
        skill=Skill.DESCRIBE, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_PATHS),

    # ------------------------------------------------------------------ 4. Validate emotions

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.ANXIOUS, RuptureType.WITHDRAWAL,
        say="It would have been easier to tell me it was fine. I'm glad you didn't.",
        notice="Speaking up can leave someone waiting for the price of it. Let them see that it did no harm: in your "
               "face now, and in how you greet them next time.",
        skill=Skill.REINFORCE, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE,), source=_PRACTICE),

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.AVOIDANT, RuptureType.CONFRONTATION,
        say="That's a reasonable criticism, and I'm not going to turn it into something about you.",
        notice="Take the point on its merits. Looking at once for the feeling behind a complaint can seem like a way "
               "of not answering it.",
        skill=Skill.ASSERT, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE,), source=_PRACTICE),

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.DISORGANIZED, RuptureType.CONFRONTATION,
        say="It doesn't have to come out calmly for me to take it seriously. I'd rather you told me than left with it.",
        notice="After strong anger some people feel ashamed, or afraid of what comes next. Show that it was heard and "
               "that you are both still here, without making it small.",
        skill=Skill.REINFORCE, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE,), source=_PRACTICE),

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.INDETERMINATE, RuptureType.WITHDRAWAL,
        say="After the way I put that, going quiet seems fair enough. I'd be careful too.",
        notice="What looks like stepping back may be looking after oneself. If a wish or an objection follows, however "
               "faint, that is the thing to welcome.",
        skill=Skill.DESCRIBE, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE, Strategy.ACKNOWLEDGE_CONTRIBUTION),
        source=_PATHS),

    _prompt(Step.VALIDATE_EMOTIONS, AttachmentPattern.INDETERMINATE, RuptureType.CONFRONTATION,
        say="You have reason to be angry. I did do what you're describing, and it mattered.",
        notice="Say only what you can honestly stand behind; agreeing to everything rings hollow. If hurt shows under "
               "the anger, speak to the hurt, quietly and once.",
        skill=Skill.EXPRESS, strategies=(Strategy.VALIDATE_DEFENSIVE_POSTURE, Strategy.ACKNOWLEDGE_CONTRIBUTION),
        source=_PATHS),

    # ------------------------------------------------------------------ 5. Offer repair

    # A pattern between the two, named from the therapist's side, and not while it is still raw.
    _prompt(Step.OFFER_REPAIR, AttachmentPattern.SECURE, RuptureType.WITHDRAWAL,
        say="This isn't the first time I've hurried us past something hard. I want to catch it sooner, and you're "
            "welcome to stop me.",
        notice="What keeps happening between you is better named in a later, calmer session, after the moment itself "
               "has been heard. Start with your half.",
        skill=Skill.DESCRIBE, strategies=(Strategy.LINK_TO_PATTERN_BETWEEN_US, Strategy.ACKNOWLEDGE_CONTRIBUTION),
        source=_ORDER),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.SECURE, RuptureType.CONFRONTATION,
        say="I think we took that in two different ways. Can I tell you what I meant, and you tell me if it still "
            "doesn't add up?",
        notice="Clear up the misunderstanding once they have been heard; any sooner, it is a defence. Be ready to be "
               "corrected in your turn.",
        skill=Skill.EXPRESS, strategies=(Strategy.CLARIFY_MISUNDERSTANDING,), source=_ORDER),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.ANXIOUS, RuptureType.WITHDRAWAL,
        say="You don't have to let me off the hook. If my apology doesn't cover it, you can tell me today or any "
            "other week.",
        notice="Forgiving you quickly may be a way of keeping you. Accept it, and ask again another time without "
               "making it a test.",
        skill=Skill.ASSERT, strategies=(Strategy.INVITE_THOUGHTS_AND_FEELINGS,), source=_LATER_VIEW),

    # A boundary that stays: said warmly, with what they can count on beside it.
    _prompt(Step.OFFER_REPAIR, AttachmentPattern.ANXIOUS, RuptureType.CONFRONTATION,
        say="I still won't be able to answer messages at the weekend, and I know that's hard. Let's work out what you "
            "can count on in between.",
        notice="A limit may be heard as being turned away, so put beside it what is certain, beginning with the next "
               "appointment. If there is any risk, that includes whom to call.",
        skill=Skill.ASSERT, source=_PRACTICE),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.AVOIDANT, RuptureType.WITHDRAWAL,
        say="I never really said why I asked about that. Can I tell you, and you decide if it's worth our time?",
        notice="At first a plain reason for the task, or a different task, may do more than talking about the "
               "relationship. A quick 'fine' may not be the end of it; look in again later.",
        skill=Skill.DESCRIBE, strategies=(Strategy.GIVE_RATIONALE, Strategy.ACKNOWLEDGE_CONTRIBUTION), source=_PATHS),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.AVOIDANT, RuptureType.CONFRONTATION,
        say="If those exercises aren't doing anything for you, I'd sooner change them than talk you into them. What "
            "would be worth coming for?",
        notice="A complaint about the method may be just that. Answer it where it was made; if there is something "
               "about the two of you beneath it, it can come later.",
        skill=Skill.ASSERT, strategies=(Strategy.CHANGE_TASKS_OR_GOALS,), source=_PATHS),

    # The end of the hour is a boundary too.
    _prompt(Step.OFFER_REPAIR, AttachmentPattern.DISORGANIZED, RuptureType.CONFRONTATION,
        say="We have to stop in ten minutes, and this isn't finished. Can we use them to find a place to leave it "
            "until next time?",
        notice="Stopping in the middle can feel like being thrown out, so say it early, agree where you will pick it "
               "up, and do. Make sure they are all right to leave before they go.",
        skill=Skill.ASSERT, source=_PRACTICE),

    _prompt(Step.OFFER_REPAIR, AttachmentPattern.INDETERMINATE, RuptureType.WITHDRAWAL,
        say="Let's try it the way you said for the next couple of sessions, and then you tell me whether it's better.",
        notice="If they have said what they want, act on it where you honestly can: seeing that it moves you may be "
               "part of the repair. If they have not, do not offer more than was asked.",
        skill=Skill.REINFORCE, strategies=(Strategy.CHANGE_TASKS_OR_GOALS,), source=_PATHS),

    # The late cancellation: clear about the rule, flexible in what can be, answerable for how it was handled.
    _prompt(Step.OFFER_REPAIR, AttachmentPattern.INDETERMINATE, RuptureType.CONFRONTATION,
        say="I'm sorry you found out about the charge from the bill; that was mine to tell you. The rule itself stays, "
            "and I'd like us to talk about this one and about next time.",
        notice="Do not argue for a policy to someone it has just hurt. Be clear about what stays, say what you can "
               "bend, and own how it was handled.",
        skill=Skill.ASSERT, strategies=(Strategy.ACKNOWLEDGE_CONTRIBUTION, Strategy.CHANGE_TASKS_OR_GOALS),
        source=_FOUNDING),
)
# fmt: on

_BY_KEY = {(prompt.step, prompt.pattern, prompt.rupture_type): prompt for prompt in PROMPTS}

# The rupture types whose prompts answer to a given one, the closest first.
_ANSWERING: dict[RuptureType | None, tuple[RuptureType | None, ...]] = {
    RuptureType.WITHDRAWAL: (RuptureType.WITHDRAWAL, None),
    RuptureType.CONFRONTATION: (RuptureType.CONFRONTATION, None),
    RuptureType.MIXED: (RuptureType.WITHDRAWAL, RuptureType.CONFRONTATION, None),
    RuptureType.UNSPECIFIED: (None,),
    None: (None,),
}


def guidance(
    *,
    step: Step | None = None,
    pattern: AttachmentPattern | None = None,
    rupture_type: RuptureType | None = None,
) -> tuple[Prompt, ...]:
    """Every prompt that fits, in the order of the steps; a step or pattern left out means all of them.

    For a given rupture type, its variant for a step and pattern comes first and the general prompt after it; a mixed
    rupture brings both variants. With no type, or an unspecified one, there are only the general prompts.
    """
    return tuple(
        _BY_KEY[key]
        for each_step in ((step,) if step else Step)
        for each_pattern in ((pattern,) if pattern else AttachmentPattern)
        for kind in _ANSWERING[rupture_type]
        if (key := (each_step, each_pattern, kind)) in _BY_KEY
    )
