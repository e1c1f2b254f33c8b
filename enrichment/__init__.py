"""Which brand, in which language, how it is meant, about what, and of which story: the worker and its parts."""

from enrichment.ambiguous import Ambiguous, ambiguous_names, rule_for, unruled
from enrichment.asked_retag import RetagWish, ask_for_retag, fulfil, retag_wish
from enrichment.corrected import CannotTrain, Retaught, train_sentiment, train_topics
from enrichment.engines import EngineError, second_engine, sentiment_engine
from enrichment.expressions import Document, Expressions, Facts
from enrichment.expressions import check as check_expression
from enrichment.history import Told, bring_in, outstanding, retag
from enrichment.models import SENTIMENT, Models, NoSuchModel, SentimentModel, Tagging, TaughtTopic
from enrichment.preview import Example, Preview, preview
from enrichment.second_opinion import run_second_opinion
from enrichment.sentiment import Judgement, Passage, SentimentEngine
from enrichment.settings import EnrichmentSettings
from enrichment.stories import Group, Stories
from enrichment.tagger import Enricher, Rejected
from enrichment.teacher import CannotTeach, Lesson, teach
from enrichment.teaching import Measured, Quality, TooFewExamples
from enrichment.telling import STORIES_GROUP, run_stories
from enrichment.topics import TopicRule, TopicsError, load_topics
from enrichment.worker import GROUP, TooManyDead, run_worker

__all__ = [
    "GROUP",
    "SENTIMENT",
    "STORIES_GROUP",
    "Ambiguous",
    "CannotTeach",
    "CannotTrain",
    "Document",
    "EngineError",
    "Enricher",
    "EnrichmentSettings",
    "Example",
    "Expressions",
    "Facts",
    "Group",
    "Judgement",
    "Lesson",
    "Measured",
    "Models",
    "NoSuchModel",
    "Passage",
    "Preview",
    "Quality",
    "Rejected",
    "RetagWish",
    "Retaught",
    "SentimentEngine",
    "SentimentModel",
    "Stories",
    "Tagging",
    "TaughtTopic",
    "Told",
    "TooFewExamples",
    "TooManyDead",
    "TopicRule",
    "TopicsError",
    "ambiguous_names",
    "ask_for_retag",
    "bring_in",
    "check_expression",
    "fulfil",
    "load_topics",
    "outstanding",
    "preview",
    "retag",
    "retag_wish",
    "rule_for",
    "run_second_opinion",
    "run_stories",
    "run_worker",
    "second_engine",
    "sentiment_engine",
    "teach",
    "train_sentiment",
    "train_topics",
    "unruled",
]
