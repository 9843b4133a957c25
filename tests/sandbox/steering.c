/* SPDX-License-Identifier: Apache-2.0
 * steering: one setting under a lock; any thread. */
#include "steering.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "people.h"

struct steering {
  pthread_mutex_t lock; /* guards the rest; nothing is called while it is held */
  uint32_t person;
  enum visit_answer answer;
  uint64_t left; /* turns, 0: until it is changed */
  bool set;
};

static const char *const answer_names[ANSWER_COUNT] = {"ask", "agree", "decline", "authdeny", "close"};

struct steering *steering_new(void) {
  struct steering *steering = calloc(1, sizeof *steering);
  if (!steering) return NULL;
  pthread_mutex_init(&steering->lock, NULL);
  return steering;
}

void steering_free(struct steering *steering) {
  if (!steering) return;
  pthread_mutex_destroy(&steering->lock);
  free(steering);
}

int steering_set(struct steering *steering, const cJSON *object, struct err *err) {
  uint32_t person = PERSON_NONE;
  enum visit_answer answer = ANSWER_AGREE;
  uint64_t left = 0;
  for (const cJSON *value = object->child; value; value = value->next) {
    struct str text = cJSON_IsString(value) ? str_of(value->valuestring) : STR_NONE;
    if (strcmp(value->string, "person") == 0) {
      person = people_find(text);
      if (person == PERSON_NONE) return err_set(err, "\"person\" must be the id of a virtual person");
    } else if (strcmp(value->string, "answer") == 0) {
      answer = steering_answer_find(text);
      if (answer == ANSWER_COUNT) return err_set(err, "\"answer\" must be ask, agree, decline, authdeny or close");
    } else if (strcmp(value->string, "count") == 0) {
      if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > 1e9)
        return err_set(err, "\"count\" must be a number");
      left = (uint64_t)value->valuedouble;
    } else {
      return err_set(err, "unknown field \"%.64s\"; there are person, answer and count", value->string);
    }
  }
  pthread_mutex_lock(&steering->lock);
  steering->person = person;
  steering->answer = answer;
  steering->left = left;
  steering->set = true;
  pthread_mutex_unlock(&steering->lock);
  return 0;
}

void steering_clear(struct steering *steering) {
  pthread_mutex_lock(&steering->lock);
  steering->set = false;
  pthread_mutex_unlock(&steering->lock);
}

void steering_take(struct steering *steering, uint32_t *ret_person, enum visit_answer *ret_answer) {
  *ret_person = PERSON_NONE;
  *ret_answer = ANSWER_ASK;
  pthread_mutex_lock(&steering->lock);
  if (steering->set) {
    *ret_person = steering->person;
    *ret_answer = steering->answer;
    if (steering->left > 0 && --steering->left == 0) steering->set = false;
  }
  pthread_mutex_unlock(&steering->lock);
}

void steering_json(struct steering *steering, struct buf *out) {
  char id[PERSON_ID_BYTES] = "";
  pthread_mutex_lock(&steering->lock);
  bool set = steering->set;
  enum visit_answer answer = steering->answer;
  uint64_t left = steering->left;
  if (steering->person != PERSON_NONE) people_id(steering->person, id);
  pthread_mutex_unlock(&steering->lock);
  if (!set) {
    buf_add_text(out, "{\"person\":null,\"answer\":\"ask\",\"count\":0}");
    return;
  }
  buf_add_text(out, "{\"person\":");
  if (id[0])
    buf_addf(out, "\"%s\"", id);
  else
    buf_add_text(out, "null");
  buf_addf(out, ",\"answer\":\"%s\",\"count\":%llu}", answer_names[answer], (unsigned long long)left);
}

enum visit_answer steering_answer_find(struct str word) {
  for (int answer = 0; answer < ANSWER_COUNT; answer++)
    if (str_eq(word, str_of(answer_names[answer]))) return (enum visit_answer)answer;
  return ANSWER_COUNT;
}

const char *steering_answer_name(enum visit_answer answer) {
  return answer_names[answer];
}
