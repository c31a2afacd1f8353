"""Where each known trap of translating between these formats is tried.

A trap is something that goes wrong in real gateways: what comes in, and what has to come of it. Each has a number,
which is nobody's but this table's; gaps are traps that turned out to be none. `tests` are `file below tests::name of
the test without test_`.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("NUMBERS", "TRAPS", "Trap")


class Trap(NamedTuple):
    """One of them."""

    subject: str
    tests: tuple[str, ...]


_HERE = "contract/test_traps.py::"
_ANT = "core/formats/anthropic/"
_AWS = "core/formats/bedrock/"
_GEM = "core/formats/gemini/"
_OLL = "core/formats/ollama/"
_OAI = "core/formats/openai_chat/"
_RES = "core/formats/openai_responses/"
_SSE = "core/streaming/"
_END = "end_to_end/"

TRAPS: dict[int, Trap] = {
    1: Trap(
        "calls are counted apart from the blocks around them; id and name once",
        (
            _HERE + "blocks_that_are_counted_with_the_text_are_calls_that_are_counted_by_themselves",
            _ANT + "test_reading.py::calls_are_counted_apart_from_the_blocks_around_them",
        ),
    ),
    2: Trap(
        "interleaved arguments never land on another call's block; every block is closed once",
        (
            _HERE + "interleaved_arguments_stay_with_their_call_and_each_block_is_closed_once",
            _ANT + "test_rendering.py::however_calls_are_interleaved_each_has_its_own_arguments",
            _RES + "test_rendering.py::calls_that_come_interleaved_are_told_one_after_the_other",
        ),
    ),
    3: Trap(
        "items at places 1 and 2 of a response are calls 0 and 1, known by their call ids",
        (
            _HERE + "items_behind_a_thought_are_calls_from_0_on_with_their_call_ids",
            _RES + "test_reading.py::calls_are_numbered_without_gaps_and_known_by_their_call_ids",
        ),
    ),
    5: Trap(
        "a piece of a call without an index",
        (
            _OAI + "test_reading.py::a_call_without_an_index_is_the_next_one",
            _SSE + "test_sse_relay.py::every_call_has_an_index_of_its_own",
        ),
    ),
    6: Trap(
        "arguments are text for OpenAI and an object for Ollama",
        (
            _OAI + "test_turns.py::arguments_are_text_here_and_an_object_for_ollama",
            _OLL + "test_mapping.py::arguments_keep_their_bytes",
            _OLL + "test_rendering.py::arguments_are_an_object_with_the_models_bytes",
        ),
    ),
    7: Trap(
        "content in parts beside calls, for Ollama",
        (
            _OAI + "test_turns.py::a_list_of_texts_beside_calls_is_one_text_for_ollama_and_the_calls_stay",
            _OLL + "test_calling.py::messages_are_flat",
            _HERE + "a_picture_goes_as_its_bytes_and_as_what_they_are_whatever_its_label",
        ),
    ),
    8: Trap(
        "arguments of an earlier call that are no object",
        (
            _OAI + "test_turns.py::arguments_that_are_no_object_are_kept_as_they_are",
            _ANT + "test_turns.py::arguments_are_an_object_and_what_is_none_is_kept_as_text",
            _GEM + "test_turns.py::arguments_that_are_no_object_are_kept_raw_with_a_warning",
            _AWS + "test_turns.py::arguments_that_are_no_object_go_as_text_with_a_warning",
        ),
    ),
    9: Trap(
        "a call whose only piece of arguments is empty",
        (
            _HERE + "blocks_that_are_counted_with_the_text_are_calls_that_are_counted_by_themselves",
            _ANT + "test_reading.py::a_call_whose_only_piece_is_empty_has_an_empty_object",
            _OAI + "test_rendering.py::a_call_whose_arguments_were_an_empty_piece_ends_with_an_empty_object",
        ),
    ),
    10: Trap(
        "empty text beside calls, and nothing but empty text",
        (
            _ANT + "test_turns.py::empty_texts_are_left_out_beside_calls_and_everywhere",
            _ANT + "test_turns.py::a_conversation_in_which_no_user_says_anything_is_refused",
            _OAI + "test_rendering.py::content_is_null_only_beside_something_else",
        ),
    ),
    11: Trap(
        "several results are one turn, in the order of the calls",
        (
            _ANT + "test_turns.py::all_results_of_a_turn_are_one_turn_in_the_order_of_the_calls",
            _AWS + "test_turns.py::results_of_one_turn_are_one_turn_in_the_order_of_the_calls_and_stand_first",
        ),
    ),
    13: Trap(
        "calls are last in their turn, also beside what the vendor's own tools did",
        (
            _ANT + "test_turns.py::calls_are_the_last_of_their_turn",
            _ANT + "test_content.py::what_only_the_vendors_servers_read_is_left_out_and_named",
        ),
    ),
    14: Trap(
        "a call without a result",
        (
            _OAI + "test_turns.py::a_call_that_nobody_answered_is_refused_by_its_id",
            _ANT + "test_turns.py::a_call_without_any_result_is_refused_by_its_id",
            _AWS + "test_turns.py::a_call_without_a_result_is_refused_with_its_id",
            _GEM + "test_turns.py::a_call_without_its_result_and_a_result_without_its_call_are_refused_by_their_id",
            _RES + "test_items.py::a_call_without_its_output_is_refused_with_its_id",
        ),
    ),
    15: Trap(
        "a system message in the middle never becomes an assistant's",
        (
            _OAI + "test_turns.py::system_prompts_and_developers_stay_in_their_places",
            _ANT + "test_content.py::a_system_message_among_the_turns_stays_in_its_place",
            _ANT + "test_turns.py::a_system_message_in_the_middle_stays_where_it_may_and_never_becomes_an_assistants",
            _AWS + "test_turns.py::system_prompts_stand_in_front_and_never_become_the_assistants",
            _GEM + "test_turns.py::system_prompts_are_hoisted_in_their_order_and_never_become_the_models",
        ),
    ),
    16: Trap(
        "thinking without text but with a signature goes back byte for byte",
        (
            _ANT + "test_turns.py::thinking_that_this_format_signed_goes_back_byte_for_byte_and_no_other",
            _AWS + "test_turns.py::signed_thoughts_go_back_to_a_claude_as_they_were_even_empty_ones",
            _ANT + "test_rendering.py::a_thought_that_is_only_a_signature_is_a_block",
        ),
    ),
    17: Trap(
        "thinking and calls through a client of OpenAI: signed thinking in front of the call, or none asked for",
        (
            _HERE
            + "a_signed_thought_of_one_backend_comes_back_through_a_client_that_knows_of_none_in_front_of_its_call",
            _ANT + "test_building.py::a_result_whose_call_came_without_signed_thinking_excludes_thinking_in_that_turn",
        ),
    ),
    18: Trap(
        "Gemini's signature stays on its part; foreign history says that there is none",
        (
            _GEM + "test_turns.py::geminis_signature_stands_on_the_part_that_it_came_with",
            _GEM + "test_turns.py::foreign_history_says_on_the_first_call_of_a_turn_alone_that_there_is_no_signature",
            _OAI + "test_carrying.py::a_plain_signature_of_google_stands_where_google_has_it",
        ),
    ),
    19: Trap(
        "results for Gemini: one content, as many as calls, named by their ids",
        (_GEM + "test_turns.py::two_results_are_one_content_in_the_order_of_the_calls_with_names_found_by_their_ids",),
    ),
    20: Trap(
        "schemas that Gemini's own form does not know, and properties that are called as its words",
        (
            _GEM + "test_building.py::a_tools_schema_goes_verbatim_as_json_schema",
            _GEM + "test_openapi.py::a_property_named_like_a_word_of_the_schema_survives",
        ),
    ),
    21: Trap(
        "Gemini stops in a later chunk with an empty text",
        (
            _HERE + "a_stop_in_a_later_empty_chunk_is_told_once_and_brings_no_empty_text",
            _GEM + "test_reading.py::a_stop_after_the_call_in_an_empty_chunk_is_tool_calls_once_and_no_empty_text",
        ),
    ),
    23: Trap("Gemini's limit is a limit", (_HERE + "a_limit_is_told_as_a_limit",)),
    25: Trap(
        "usage behind the finish: kept, told once, only to who asked",
        (
            _HERE + "usage_behind_the_finish_is_told_in_one_last_chunk_to_who_asked_for_it",
            _OAI + "test_serving.py::usage_goes_to_those_who_asked_for_it",
        ),
    ),
    26: Trap(
        "a server that refuses stream_options",
        (
            _OAI + "test_building.py::usage_is_not_asked_of_a_server_that_refuses_stream_options",
            _OAI + "test_passing.py::a_server_that_refuses_stream_options_is_not_asked_for_usage",
        ),
    ),
    27: Trap(
        "cached tokens are added once and taken away once",
        (
            _HERE + "cached_tokens_are_added_once_and_taken_away_once",
            _ANT + "test_reading.py::counters_are_disjoint_and_one_that_is_not_named_again_keeps_its_value",
        ),
    ),
    28: Trap(
        "comments between events are no data",
        (
            _HERE + "comments_between_the_events_are_no_data",
            _ANT + "test_relay.py::comments_and_pings_without_json_go_on",
        ),
    ),
    29: Trap(
        "a stream cut anywhere, with any line ends, without a last one",
        (
            _SSE + "test_framing.py::events_are_the_same_at_every_cut",
            _SSE + "test_framing.py::cuts_never_matter",
            _SSE + "test_template.py::any_stream_is_converted_alike_at_any_cuts",
            _SSE + "test_sse_relay.py::every_stream_is_passed_on_alike_at_every_cut",
            _OAI + "test_reading.py::a_last_event_without_its_blank_line_still_counts",
        ),
    ),
    30: Trap(
        "a stream that ends before its end",
        (
            _END + "test_failover.py::a_stream_that_broke_is_told_in_the_clients_format_and_never_ended_as_whole",
            _OAI + "test_reading.py::a_stream_with_neither_is_not_complete",
            _ANT + "test_reading.py::a_stream_without_message_stop_never_ended",
            _ANT + "test_relay.py::a_stream_without_message_stop_is_not_complete_and_gets_no_end",
            _GEM + "test_reading.py::a_stream_without_a_reason_is_broken",
        ),
    ),
    32: Trap(
        "an error inside a stream under status 200",
        (
            _HERE + "an_error_behind_status_200_is_told_in_the_clients_words_and_nothing_ends_as_if_it_were_whole",
            _OAI + "test_reading.py::an_error_in_a_stream_is_a_fault",
        ),
    ),
    34: Trap(
        "encrypted reasoning goes back without its id; references are replaced by what they name",
        (
            _RES + "test_building.py::the_servers_own_reasoning_goes_back_without_an_id_and_is_asked_for_again",
            _RES + "test_incoming.py::a_reference_is_replaced_by_the_item_that_it_names",
            _RES + "test_passing.py::references_and_ids_that_we_made_stay_here",
        ),
    ),
    35: Trap(
        "encrypted reasoning for another server is left out with a warning",
        (
            _HERE + "encrypted_reasoning_of_another_server_is_left_out_with_a_warning_and_the_order_stays",
            _RES + "test_building.py::anothers_thinking_is_left_out_with_a_warning_where_it_was_signed",
        ),
    ),
    36: Trap(
        "a chat's stream as events of Responses, also where no finish came",
        (
            _RES + "test_rendering.py::a_text_is_told_in_the_order_of_openai_and_ends_without_done",
            _RES + "test_rendering.py::a_stream_is_completed_also_where_no_finish_reason_ever_came",
            _RES + "test_output.py::every_item_is_opened_and_closed_once_and_its_deltas_make_what_it_is",
        ),
    ),
    37: Trap(
        "an item's id is not its call id, and may come late or never",
        (
            _RES + "test_rendering.py::a_calls_item_has_an_id_of_its_own_beside_the_call_id",
            _RES + "test_reading.py::items_that_come_with_the_last_event_alone_are_read_from_it",
        ),
    ),
    38: Trap(
        "a history of calls without tools, and tools that may not be called, for Bedrock",
        (
            _HERE + "a_history_of_calls_has_its_tools_made_again_where_a_backend_wants_them",
            _AWS + "test_building.py::tools_are_made_of_the_history_where_the_request_has_none",
            _AWS + "test_building.py::no_tools_are_to_be_called",
        ),
    ),
    40: Trap(
        "exceptions, errors and wrong checksums in Bedrock's stream, at every cut",
        (
            _HERE + "an_exception_in_the_stream_of_a_service_is_told_at_any_cut",
            _AWS + "test_reading.py::an_exception_in_a_stream_is_a_fault_at_every_cut",
            _AWS + "test_reading.py::an_error_in_a_stream_is_a_fault",
            _AWS + "test_reading.py::a_wrong_checksum_is_a_fault_behind_what_was_right",
        ),
    ),
    41: Trap(
        "OpenAI's limit is Ollama's num_predict, and no limit is said to nobody",
        (_HERE + "a_limit_is_ollamas_own_and_no_limit_leaves_the_models_own",),
    ),
    42: Trap(
        "OpenAI's reasoning models have the limit under another name and take no temperature",
        (
            _OAI + "test_building.py::a_reasoning_model_is_told_its_limit_under_its_own_name_and_no_temperature",
            _OAI + "test_passing.py::a_reasoning_model_is_told_its_limit_under_its_own_name_and_no_temperature",
        ),
    ),
    43: Trap(
        "ids of calls that a backend does not take",
        (
            _HERE + "an_id_that_a_backend_does_not_take_is_mapped_alike_in_call_and_result",
            _RES + "test_building.py::ids_that_the_format_does_not_take_are_mapped_alike_for_call_and_result",
            "core/formats/test_identifiers.py::every_original_has_an_alias_of_its_own_that_fits",
        ),
    ),
    44: Trap(
        "names of tools that a backend does not take",
        (
            _ANT + "test_building.py::a_name_with_dots_or_too_long_is_changed_alike_everywhere_and_found_again",
            _AWS + "test_building.py::a_name_that_is_too_long_or_has_other_signs_gets_an_alias_that_leads_back",
            _GEM + "test_building.py::a_name_that_gemini_does_not_take_has_an_alias_everywhere",
            _RES + "test_building.py::names_that_the_format_does_not_take_are_mapped_alike_everywhere",
            _RES + "test_reading.py::names_of_tools_come_back_as_the_request_has_them",
        ),
    ),
    45: Trap(
        "thinking under three names is told once, under the two that clients look for",
        (
            _OAI + "test_reading.py::both_fields_of_thinking_count_once",
            _OAI + "test_reading.py::thinking_that_stands_in_the_details_alone_is_read",
            _OAI + "test_rendering.py::thinking_has_both_names_whole_and_streamed",
        ),
    ),
    46: Trap(
        "servers that want the thinking of earlier turns back",
        (
            _OAI + "test_building.py::thinking_goes_back_to_servers_that_want_it_and_is_empty_where_nobody_knows_it",
            _OAI + "test_passing.py::thinking_is_given_back_to_servers_that_want_it",
        ),
    ),
    48: Trap("tokens are counted, with whatever query", (_HERE + "tokens_are_counted_whatever_stands_in_the_query",)),
    49: Trap(
        "a compressed answer",
        (
            _HERE + "what_nobody_can_read_because_it_is_packed_is_an_error_and_what_is_carried_says_that_it_is",
            "io_aiohttp/upstream/test_interface_answers.py::a_compressed_body_stays_compressed",
        ),
    ),
    51: Trap(
        "a client that leaves",
        (
            _END + "test_leaving.py::before_the_first_token",
            _END + "test_leaving.py::in_the_middle_of_a_stream",
            _END + "test_leaving.py::in_the_middle_of_an_answer_that_is_collected",
            "contract/test_matrix.py::a_cell_of_the_matrix_is_as_the_page_says",
        ),
    ),
    52: Trap(
        "pictures with wrong labels or none, by their address, and files that are none",
        (
            _HERE + "a_picture_goes_as_its_bytes_and_as_what_they_are_whatever_its_label",
            _HERE + "a_pdf_is_a_document_and_an_address_goes_only_where_it_is_read",
            "core/exchange/test_images.py::a_picture_is_what_its_first_bytes_say_whatever_the_header_claims",
        ),
    ),
    54: Trap(
        "an effort of none or little is no full thinking",
        (
            _HERE + "an_effort_is_no_more_than_was_asked_for",
            _ANT + "test_building.py::minimal_effort_is_low_and_none_is_no_thinking_at_all",
        ),
    ),
    55: Trap(
        "the version of October 2026 takes no sampling",
        (
            _ANT + "test_incoming.py::the_version_of_october_2026_refuses_sampling_and_the_older_one_takes_it",
            _ANT + "test_building.py::sampling_gives_way_to_the_version_to_thinking_and_to_the_dialect",
            _ANT + "test_passing.py::configured_sampling_gives_way_to_thinking_and_to_the_newer_version",
        ),
    ),
    56: Trap(
        "a client's key in either header, and never to a backend",
        (
            _END + "test_keys.py::a_key_may_come_in_the_header_of_any_protocol",
            _END + "test_keys.py::the_keys_of_clients_and_backends_do_not_meet",
        ),
    ),
    58: Trap(
        "a finish reason that nobody knows",
        (
            _OAI + "test_rendering.py::a_finish_that_only_the_backend_knows_is_told_beside_openais_own",
            _GEM + "test_vocabulary.py::a_limit_and_a_filter_win_over_calls_and_an_unknown_word_is_a_stop",
            _AWS + "test_reading.py::why_a_model_stopped_is_told_in_our_words_and_its_own",
            _ANT + "test_reading.py::every_word_for_the_end_is_read_and_kept",
            "core/exchange/test_sending.py::why_a_model_stopped_is_counted_where_nobody_knows_the_word",
        ),
    ),
    59: Trap(
        "an error line in Ollama's stream",
        (
            _OLL + "test_answers.py::an_error_in_a_stream_is_a_fault",
            "contract/test_matrix.py::a_cell_of_the_matrix_is_as_the_page_says",
        ),
    ),
    60: Trap(
        "signs of life that the client survives",
        (
            _OAI + "test_rendering.py::a_keepalive_is_a_comment",
            _ANT + "test_rendering.py::a_sign_of_life_is_a_ping",
            "clients/test_keepalives.py::a_client_survives_a_backend_that_takes_its_time",
        ),
    ),
}

NUMBERS = (
    1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 25, 26, 27, 28, 29, 30, 32, 34, 35, 36, 37,
    38, 40, 41, 42, 43, 44, 45, 46, 48, 49, 51, 52, 54, 55, 56, 58, 59, 60,
)  # fmt: skip
"""The rows that there have to be."""
